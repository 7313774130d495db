"""The embedder: what its vectors promise, whatever the input."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.embedding import Embedder, load_embedder
from ultimate_discord_intelligence_bot.embedding.embedder import PIECES
from ultimate_discord_intelligence_bot.machine import watch

SENTENCES = [
    "Rents in the capital have doubled since 2010.",
    "Yes.",
    "The plant was twelve years late and cost four times as much as the government had promised.",
    "Who said that?",
    " ".join(["A long list of stations, bridges and tunnels followed."] * 12),
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder()


def cosine(embedder: Embedder, one: str, other: str) -> float:
    first, second = embedder.encode([one, other])
    return float(first @ second)


def test_gives_unit_rows_of_its_dimension(embedder: Embedder) -> None:
    vectors = embedder.encode(SENTENCES)

    assert embedder.name == "all-MiniLM-L6-v2"
    assert vectors.shape == (len(SENTENCES), embedder.dimension) == (5, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_texts_give_an_empty_array(embedder: Embedder) -> None:
    assert embedder.encode([]).shape == (0, 384)


@pytest.mark.parametrize(
    ("anchor", "near", "far"),
    [
        ("Rents have doubled.", "Housing costs twice as much.", "The train was late."),
        ("The doctor treated her.", "A physician cared for her.", "We painted the fence."),
        ("He quit his job.", "He resigned from his position.", "The soup needs salt."),
        ("Coal harms the climate.", "Burning coal warms the planet.", "She plays the violin."),
    ],
)
def test_paraphrases_are_nearer_than_strangers(
    embedder: Embedder, anchor: str, near: str, far: str
) -> None:
    assert cosine(embedder, anchor, near) > cosine(embedder, anchor, far) + 0.2


def test_the_weights_still_give_the_values_of_the_published_model(embedder: Embedder) -> None:
    # Cosine of these two sentences under the float32 weights, from the numpy reference.
    assert cosine(
        embedder,
        "Unemployment fell to 3.5 percent in 2019, the lowest rate in fifty years.",
        "The unemployment rate in 2019 was the lowest since the 1960s.",
    ) == pytest.approx(0.7247, abs=0.01)


@settings(deadline=None, max_examples=15)
@given(order=st.permutations(range(len(SENTENCES))), size=st.integers(1, len(SENTENCES)))
def test_a_vector_does_not_depend_on_its_batch_or_order(order: list[int], size: int) -> None:
    embedder = load_embedder()
    alone = np.vstack([embedder.encode([text]) for text in SENTENCES])
    chosen = order[:size]

    together = embedder.encode([SENTENCES[i] for i in chosen])

    np.testing.assert_allclose(together, alone[chosen], atol=1e-5)


def test_more_texts_than_a_batch_keep_their_order(embedder: Embedder) -> None:
    texts = [f"Number {number} of the list{' and more' * (number % 7)}." for number in range(70)]

    vectors = embedder.encode(texts)

    np.testing.assert_allclose(vectors[41], embedder.encode([texts[41]])[0], atol=1e-5)


def test_short_of_memory_it_reads_less_at_once_and_says_the_same(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [" and".join(["the grid is old"] * (1 + n % 60)) + str(n) for n in range(120)]
    run, pieces = embedder._run, list[int]()

    def counted(windows: list[list[int]], *rest: Any) -> Any:
        pieces.append(len(windows) * max(map(len, windows)))
        return run(windows, *rest)

    monkeypatch.setattr(embedder, "_run", counted)
    plenty, most = embedder.encode(texts), max(pieces)
    pieces.clear()
    monkeypatch.setattr(watch, "is_short", lambda: True)
    scarce = embedder.encode(texts)

    assert PIECES // 2 < most <= PIECES
    assert max(pieces) <= PIECES // 4
    assert np.abs(plenty - scarce).max() < 1e-5


def test_the_same_texts_give_the_same_bits(embedder: Embedder) -> None:
    np.testing.assert_array_equal(embedder.encode(SENTENCES), embedder.encode(SENTENCES))


def test_blank_texts_are_all_the_empty_sentence(embedder: Embedder) -> None:
    vectors = embedder.encode(["", " \n\t ", "\x00\x07"])

    np.testing.assert_allclose(vectors, vectors[[0, 0, 0]], atol=1e-5)


def test_the_end_of_a_long_text_counts_as_well(embedder: Embedder) -> None:
    trains = "The train left the station and crossed the bridge. " * 60
    cooking = "Chop the onions and fry them in butter. " * 60
    train, kitchen, both = embedder.encode([trains, cooking, trains + cooking])

    assert both @ train > 0.5
    assert both @ kitchen > 0.5


@pytest.mark.parametrize(
    "text", ["\ud800", "😀" * 300, "x" * 5_000, "ʬ\u202e\ufffe", "A" * 90 + "!"]
)
def test_odd_characters_do_no_harm(embedder: Embedder, text: str) -> None:
    assert np.isfinite(embedder.encode([text])).all()


def test_reports_progress_up_to_the_end(embedder: Embedder) -> None:
    seen: list[float | None] = []

    embedder.encode(["one"] * 40, lambda fraction, _: seen.append(fraction))

    assert seen == [0.8, 1.0]


def test_threads_share_one_embedder() -> None:
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.append(load_embedder().encode(SENTENCES)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert load_embedder() is load_embedder()
    assert len(results) == 4
    for result in results:
        np.testing.assert_allclose(result, results[0], atol=1e-5)


def test_the_model_is_one_small_file() -> None:
    folder = resources.files("ultimate_discord_intelligence_bot.embedding")

    assert len(folder.joinpath("minilm.onnx").read_bytes()) <= 24_000_000


def test_reading_leaves_nothing_in_the_home_folder_and_reports_to_nobody(tmp_path: Path) -> None:
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORT_")}
    environment |= {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "temporary")}
    script = (
        "from ultimate_discord_intelligence_bot.embedding import load_embedder;"
        "load_embedder().encode(['A sentence.'])"
    )
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=100)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
