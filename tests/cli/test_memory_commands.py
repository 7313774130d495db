"""Questions over all recordings, and the care of what is remembered, on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AUTOINTEL = str(Path(sys.executable).with_name("autointel"))
EXAMPLES = Path(__file__).parents[2] / "examples"


def autointel(data_dir: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AUTOINTEL, *words],
        env={**os.environ, "AUTOINTEL_DATA_DIR": str(data_dir), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def answered(data_dir: Path, *words: str) -> Any:
    """What a command prints as JSON."""
    told = autointel(data_dir, *words, "--json")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that remembers the almanac and the debate."""
    folder = tmp_path_factory.mktemp("heard") / "data"
    for recording in ("almanac.vtt", "debate.opus"):
        ran = autointel(folder, "run", str(EXAMPLES / recording), "--depth", "deep")
        assert ran.returncode == 0, ran.stderr
    return folder


def test_claims_are_found_by_words_speaker_and_verdict(heard: Path) -> None:
    found = answered(heard, "claims", "moon")
    assert {claim["speaker"] for claim in found} == {"Reader", "Ruth"}
    (ours,) = answered(heard, "claims", "moon", "--speaker", "ruth")
    assert ours["text"] == "Between 1969 and 1972, twelve people walked on the Moon."
    assert ours["url"].endswith("debate.opus#t=9.8")
    supported = answered(heard, "claims", "--verdict", "Supported")
    assert supported
    assert {claim["verdict"] for claim in supported} == {"Supported"}
    assert answered(heard, "claims", "zirconium") == []
    assert "recording" in autointel(heard, "claims").stdout


def test_contradictions_and_repetitions_between_recordings_are_told(heard: Path) -> None:
    (pair,) = answered(heard, "contradictions")
    assert {pair["first"]["title"], pair["second"]["title"]} == {
        "Almanac",
        "People or robots: who should explore Mars?",
    }
    assert pair["reason"] == "one denies what the other says"
    assert pair["since"]
    assert "one denies what the other says" in autointel(heard, "contradictions").stdout
    repeated = answered(heard, "contradictions", "--kind", "repetitions")
    assert len(repeated) == 2
    assert answered(heard, "contradictions", "--speaker", "Nobody") == []


def test_a_timeline_tells_every_mention_with_its_moment(heard: Path) -> None:
    found = answered(heard, "timeline", "valeri polyakov")
    assert {mention["title"] for mention in found} >= {"Almanac"}
    assert all("Polyakov" in mention["text"] for mention in found)
    assert "not mentioned" in autointel(heard, "timeline", "Zirconium").stderr


def test_what_is_remembered_is_counted_and_whole(heard: Path) -> None:
    told = answered(heard, "memory", "stats")
    assert told["vector"] == told["graph"]
    assert told["vector"]["sources"] == told["nodes"]["Source"] == 2
    assert told["bytes"] > 100_000
    assert answered(heard, "memory", "check") == {"repaired": 0, "discrepancies": []}
    assert "Both stores hold the same" in autointel(heard, "memory", "repair").stdout


def test_a_memory_is_moved_forgotten_and_put_back(heard: Path, tmp_path: Path) -> None:
    bundle, there = tmp_path / "memory.zip", tmp_path / "there"
    written = answered(heard, "memory", "export", str(bundle))
    assert (written["sources"], written["records"]) == (2, 63)
    assert answered(there, "memory", "import", str(bundle)) == written
    questions = (
        ("search", "people on the moon", "--limit", "5"),
        ("claims",),
        ("contradictions",),
        ("timeline", "mars"),
        ("memory", "stats"),
    )
    for question in questions:
        before, after = answered(heard, *question), answered(there, *question)
        if question == ("memory", "stats"):
            before.pop("bytes"), after.pop("bytes")
        assert after == before, question

    gone = answered(there, "memory", "forget", "Almanac")
    assert gone["records"] == 18
    assert not [c for c in answered(there, "claims") if c["title"] == "Almanac"]
    assert answered(there, "contradictions") == []
    answered(there, "memory", "import", str(bundle))
    for question in questions[:-1]:
        assert answered(there, *question) == answered(heard, *question), question


def test_what_cannot_be_done_is_said(heard: Path, tmp_path: Path) -> None:
    unknown = autointel(heard, "memory", "forget", "nothing of that name")
    assert unknown.returncode == 3
    assert "No recording is called" in unknown.stderr
    missing = autointel(heard, "memory", "import", str(tmp_path / "missing.zip"))
    assert missing.returncode == 3
    assert "There is no file" in missing.stderr
    bundle = tmp_path / "memory.zip"
    answered(heard, "memory", "export", str(bundle))
    told = autointel(tmp_path / "data", "memory", "import", str(bundle), AUTOINTEL_TENANT="you")
    assert told.returncode == 3
    assert "AUTOINTEL_TENANT=local" in told.stderr


def test_a_forgotten_recording_leaves_no_trace_on_disk(tmp_path: Path) -> None:
    data = tmp_path / "data"
    recording = tmp_path / "secret.vtt"
    sentence = "In 1997, the zirconium mine of Obersdorf produced 4,000 tonnes of ore."
    recording.write_text(f"WEBVTT\n\n00:01.000 --> 00:06.000\n<v Eve>{sentence}\n")
    ran = autointel(data, "run", str(recording), "--depth", "deep")
    assert ran.returncode == 0, ran.stderr
    (claim,) = answered(data, "claims")
    assert claim["text"] == sentence
    answered(data, "memory", "forget", claim["source_id"])
    assert answered(data, "claims") == []
    left = [
        path
        for path in data.rglob("*")
        if path.is_file() and b"zirconium" in path.read_bytes() and "vectors" not in path.parts
    ]
    assert left == []
