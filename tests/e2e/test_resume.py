"""Nothing is done twice, and nothing that was done is lost."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import content, execute
from tests.killed_run import KilledRun
from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.errors import StorageError
from ultimate_discord_intelligence_bot.memory.drivers.graph_sqlite import SqliteGraph
from ultimate_discord_intelligence_bot.plans import Flags, plan
from ultimate_discord_intelligence_bot.settings import Depth, load_settings
from ultimate_discord_intelligence_bot.stages import memory_for

EVERY_STAGE = [stage.name for stage in plan(Depth.EXPERIMENTAL, Flags()).stages]


def test_a_second_run_reuses_everything_and_says_so(data_dir: Path, debate: Path) -> None:
    first = execute(data_dir, debate, "experimental")
    second = execute(data_dir, debate, "experimental")
    assert first.reused == ()
    assert sorted(second.reused) == sorted(EVERY_STAGE)
    assert content(second) == content(first)


def test_a_deeper_run_reuses_what_the_shallower_one_did(data_dir: Path, debate: Path) -> None:
    execute(data_dir, debate, "standard")
    deeper = execute(data_dir, debate, "deep")
    standard = {stage.name for stage in plan(Depth.STANDARD, Flags()).stages}
    # The memory learns the verdicts.
    assert set(deeper.reused) == standard - {"vector_memory", "briefing"}


def test_a_fresh_run_reuses_nothing(data_dir: Path, debate: Path) -> None:
    first = execute(data_dir, debate)
    fresh = execute(data_dir, debate, fresh=True)
    assert fresh.reused == ()
    assert content(fresh) == content(first)


def test_a_changed_file_is_analysed_anew(data_dir: Path, debate: Path, tmp_path: Path) -> None:
    captions = tmp_path / "talk.vtt"
    shutil.copy(debate.with_suffix(".vtt"), captions)
    execute(data_dir, captions)
    captions.write_text(captions.read_text().replace("twelve", "eleven"))
    changed = execute(data_dir, captions)
    assert changed.reused == ()
    assert "eleven" in json.dumps(content(changed))
    assert "twelve" not in json.dumps(content(changed))


def test_changed_captions_beside_the_media_are_noticed(
    data_dir: Path, debate: Path, tmp_path: Path
) -> None:
    media = Path(shutil.copy(debate, tmp_path / "talk.opus"))
    captions = Path(shutil.copy(debate.with_suffix(".vtt"), tmp_path / "talk.vtt"))
    execute(data_dir, media)
    captions.write_text(captions.read_text().replace("twelve", "eleven"))
    assert "eleven" in json.dumps(content(execute(data_dir, media)))


def test_a_forgotten_memory_is_filled_again(data_dir: Path, debate: Path) -> None:
    execute(data_dir, debate, "deep")
    shutil.rmtree(data_dir / "memory")
    again = execute(data_dir, debate, "deep")
    assert {"vector_memory", "graph_memory"}.isdisjoint(again.reused)
    assert {"transcription", "embedding", "claims"} <= set(again.reused)


def test_a_graph_that_was_promised_is_written_by_the_next_run(
    data_dir: Path, debate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StorageError("The disk is away.")

    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir)
    with monkeypatch.context() as patched:
        patched.setattr(SqliteGraph, "replace", away)
        promised = execute(data_dir, debate, "deep", AUTOINTEL_DEFER_GRAPH=True)
    assert promised.status == "complete"
    with memory_for(settings) as memory:
        assert [write.store for write in memory.unfinished()] == ["graph"]
    assert "graph_memory" in execute(data_dir, debate, "deep").reused
    with memory_for(settings) as memory:
        assert memory.unfinished() == ()
        assert asyncio.run(memory.check(settings.tenant)) == ()
        assert asyncio.run(memory.stats(settings.tenant)).graph.sources == 1


def test_a_shallower_run_leaves_the_verdicts_that_a_deeper_one_remembered(
    fresh_copy: Callable[[str], Path], debate: Path
) -> None:
    data_dir = fresh_copy("data")
    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir)
    [question] = load_embedder().encode(["How far is the Moon from the Earth?"])

    def remembered() -> list[tuple[str, str | None, str | None]]:
        with memory_for(settings) as memory:
            found = asyncio.run(memory.search(question, tenant="local", limit=50, kind="claim"))
        return sorted((hit.text, hit.verdict, hit.language) for hit in found)

    execute(data_dir, debate, "deep")
    after = remembered()
    assert {("Supported", "en"), ("Not Enough Evidence", "en")} <= {each[1:] for each in after}
    execute(data_dir, debate, "standard", fresh=True)
    assert remembered() == after


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    debate = Path(__file__).parents[2] / "examples" / "debate.opus"
    return content(execute(tmp_path_factory.mktemp("undisturbed"), debate, "experimental"))


@pytest.mark.parametrize("kind", ["started", "finished"])
@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_killed_at_any_stage_a_run_continues_there(
    stage: str,
    kind: str,
    data_dir: Path,
    debate: Path,
    killed_run: KilledRun,
    undisturbed: dict[str, object],
) -> None:
    assert killed_run(data_dir, debate, stage, kind, "experimental") == -signal.SIGKILL
    continued = execute(data_dir, debate, "experimental")
    assert continued.status == "complete"
    assert content(continued) == undisturbed
    # Whatever had surely ended before the kill: all earlier waves, and the stage itself.
    waves = plan(Depth.EXPERIMENTAL, Flags()).waves()
    position = next(i for i, wave in enumerate(waves) if stage in {s.name for s in wave})
    ended = {s.name for wave in waves[:position] for s in wave}
    assert ended | ({stage} if kind == "finished" else set()) <= set(continued.reused)
    if kind == "started":
        assert stage not in continued.reused
