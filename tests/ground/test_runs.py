"""Runs, artifacts and atomic writes."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot import runs
from ultimate_discord_intelligence_bot.errors import DiskFull, NotWritable, RunUnknown, StorageError
from ultimate_discord_intelligence_bot.models.artifact import Vectors
from ultimate_discord_intelligence_bot.models.media import Locator
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript
from ultimate_discord_intelligence_bot.runs import (
    ArtifactStore,
    Run,
    artifact_key,
    find_card,
    stable_id,
    write_atomically,
)
from ultimate_discord_intelligence_bot.settings import Depth, Settings

WEB = Locator(kind="web", value="https://example.org/a")
TRANSCRIPT = Transcript(
    segments=(Segment(index=0, start=0.0, end=1.5, text="Guten Tag – 你好 👋"),),
    origin="human captions",
)


def test_an_artifact_comes_back_as_it_was(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    digest = store.write("transcription", "k", TRANSCRIPT)
    assert store.read("transcription", "k", Transcript) == (TRANSCRIPT, digest)


def test_vectors_come_back_as_they_were(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    store.write("embedding", "k", Vectors(array))
    found = store.read("embedding", "k", Vectors)
    assert found is not None
    np.testing.assert_array_equal(found[0].array, array)


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert ArtifactStore(tmp_path).read("transcription", "k", Transcript) is None


@pytest.mark.parametrize("damage", [b"", b"{", b'{"segments": []}', b"\xff\xfe\x00"])
def test_a_damaged_artifact_is_as_good_as_none(tmp_path: Path, damage: bytes) -> None:
    store = ArtifactStore(tmp_path)
    store.write("transcription", "k", TRANSCRIPT)
    (tmp_path / "transcription-k.json").write_bytes(damage)
    assert store.read("transcription", "k", Transcript) is None
    store.write("embedding", "k", Vectors(np.zeros((1, 2), np.float32)))
    (tmp_path / "embedding-k.npz").write_bytes(damage)
    assert store.read("embedding", "k", Vectors) is None


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull) as caught:
        write_atomically(path, b"new")
    assert "Free some space" in caught.value.remedy
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_file_size_limit_reads_as_a_full_disk(tmp_path: Path) -> None:
    """A real write that really fails, in a process that may write 4 kB per file."""
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        f"from {runs.__name__} import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "write_atomically(Path(sys.argv[1]), b'x' * 9000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "big")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "DiskFull" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotWritable) as caught:
        write_atomically(tmp_path / "file" / "report.json", b"")
    assert "AUTOINTEL_DATA_DIR" in caught.value.remedy


def test_a_run_is_the_same_for_the_same_tenant_and_link(settings: Settings) -> None:
    run = Run(WEB, Depth.STANDARD, settings)
    assert Run(WEB, Depth.DEEP, settings).id == run.id
    other_tenant = settings.model_copy(update={"tenant": "other"})
    assert Run(WEB, Depth.STANDARD, other_tenant).id != run.id
    assert Run(WEB, Depth.STANDARD, other_tenant).source_id != run.source_id
    other = Locator(kind="web", value="https://example.org/b")
    assert Run(other, Depth.STANDARD, settings).id != run.id


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_different_parts_give_different_ids(first: list[str], second: list[str]) -> None:
    separator_inside = any("\x1f" in part for part in first + second)
    assert (stable_id(*first) == stable_id(*second)) == (first == second) or separator_inside


def test_a_key_depends_on_everything_it_was_made_from() -> None:
    key = artifact_key("claims", 1, {"inputs": {"a": "1"}})
    assert key == artifact_key("claims", 1, {"inputs": {"a": "1"}})
    assert len({key, artifact_key("claims", 2, {"inputs": {"a": "1"}})}) == 2
    assert len({key, artifact_key("claims", 1, {"inputs": {"a": "2"}})}) == 2
    assert len({key, artifact_key("topics", 1, {"inputs": {"a": "1"}})}) == 2


async def test_two_runs_of_one_input_take_turns(settings: Settings) -> None:
    inside = 0

    async def hold() -> None:
        nonlocal inside
        async with Run(WEB, Depth.STANDARD, settings).exclusively():
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(hold() for _ in range(5)))


def test_a_finished_run_is_found_by_the_beginning_of_its_id(settings: Settings) -> None:
    run = Run(WEB, Depth.DEEP, settings)
    run.leave_card(Path("briefing"))
    card = find_card(settings, run.id[:8])
    assert (card.input, card.depth) == (WEB.value, Depth.DEEP)
    assert card.out == Path("briefing").absolute()


@pytest.mark.parametrize("names", [[], ["aaaa-1", "aaaa-2"]])
def test_a_name_that_stands_for_no_run_or_several_is_refused(
    settings: Settings, names: list[str]
) -> None:
    for name in names:
        run = Run(WEB, Depth.DEEP, settings)
        run.folder = settings.data_dir / "runs" / name
        run.leave_card(Path("briefing"))
    with pytest.raises(RunUnknown, match="aaaa"):
        find_card(settings, "aaaa")


def test_a_damaged_card_is_told_apart(settings: Settings) -> None:
    path = settings.data_dir / "runs" / "aaaa-1" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(StorageError, match=r"run\.json"):
        find_card(settings, "aaaa")


def test_a_recording_met_before_brings_its_artifacts_its_memory_and_its_names(
    settings: Settings,
) -> None:
    first = Run(WEB, Depth.STANDARD, settings)
    first.artifacts.write("transcription", "k", TRANSCRIPT)
    first.name_speakers({"A": "Ada"})
    mirror = Run(Locator(kind="web", value="https://mirror.example/a"), Depth.STANDARD, settings)
    assert mirror.artifacts.read("transcription", "k", Transcript) is None
    assert mirror.speaker_names == {}
    mirror.meet(first.source_id)
    assert mirror.source_id == first.source_id
    found = mirror.artifacts.read("transcription", "k", Transcript)
    assert found is not None
    assert found[0] == TRANSCRIPT
    assert mirror.speaker_names == {"A": "Ada"}


def test_what_a_run_makes_stays_in_its_own_folder(settings: Settings) -> None:
    first = Run(WEB, Depth.STANDARD, settings)
    mirror = Run(Locator(kind="web", value="https://mirror.example/a"), Depth.STANDARD, settings)
    mirror.meet(first.source_id)
    mirror.artifacts.write("transcription", "k", TRANSCRIPT)
    assert first.artifacts.read("transcription", "k", Transcript) is None


def test_names_that_cannot_be_read_are_not_taken_for_none(settings: Settings) -> None:
    run = Run(WEB, Depth.STANDARD, settings)
    run.name_speakers({"A": "Ada"})
    (run.folder / "speakers.json").write_text("{")
    with pytest.raises(StorageError, match="speakers"):
        _ = run.speaker_names
