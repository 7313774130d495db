"""Ten runs at once in one process do not mix anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.conftest import content, execute
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
    RunResult,
)
from ultimate_discord_intelligence_bot.events import StageEvent
from ultimate_discord_intelligence_bot.settings import Settings, load_settings

ANIMALS = ("ants", "bees", "cats", "dogs", "eels", "foxes", "goats", "hens", "ibexes", "jays")


def _captions(folder: Path, animal: str, number: int) -> Path:
    sentences = [
        f"Good morning and welcome to our programme about {animal}.",
        f"In {1950 + number} there were {number + 2} million {animal} in the country.",
        f"Today there are {number + 20} million {animal} in the country.",
        f"I think that {animal} are the most wonderful animals of all.",
    ]
    cues = "\n\n".join(
        f"00:00:{4 * i:02d}.000 --> 00:00:{4 * i + 3:02d}.500\n<v Host of {animal}>{sentence}"
        for i, sentence in enumerate(sentences)
    )
    path = folder / f"{animal}.vtt"
    path.write_text(f"WEBVTT\n\n{cues}\n")
    return path


async def _all_at_once(
    paths: list[Path], settings: Settings, depth: str
) -> tuple[list[RunResult], list[str]]:
    seen: list[str] = []

    async def one(path: Path) -> RunResult:
        orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
        orchestrator.events.subscribe(lambda event: seen.append(event.run_id))
        return await orchestrator.execute_autonomous_intelligence_workflow(str(path), depth)

    return list(await asyncio.gather(*(one(path) for path in paths))), seen


def test_ten_runs_at_once_do_not_meet(settings: Settings, tmp_path: Path) -> None:
    paths = [_captions(tmp_path, animal, i) for i, animal in enumerate(ANIMALS)]
    results, seen = asyncio.run(_all_at_once(paths, settings, "standard"))
    assert len({result.run_id for result in results}) == len(ANIMALS)
    assert set(seen) == {result.run_id for result in results}
    for animal, path, result in zip(ANIMALS, paths, results, strict=True):
        report = content(result)
        text = str(report)
        assert animal in text
        assert not any(other in text for other in ANIMALS if other != animal)
        alone = execute(tmp_path / f"alone-{animal}", path)
        assert report == content(alone)


def test_ten_runs_of_one_input_do_its_work_once(settings: Settings, debate: Path) -> None:
    results, _ = asyncio.run(_all_at_once([debate] * 10, settings, "deep"))
    assert sum(not result.reused for result in results) == 1
    assert len({str(content(result)) for result in results}) == 1


def test_different_depths_of_one_input_at_once(debate: Path, data_dir: Path) -> None:
    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir)

    async def both() -> list[RunResult]:
        orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
        run = orchestrator.execute_autonomous_intelligence_workflow
        return list(await asyncio.gather(run(str(debate), "standard"), run(str(debate), "deep")))

    standard, deep = (content(result) for result in asyncio.run(both()))
    assert (standard["depth"], deep["depth"]) == ("standard", "deep")
    assert standard["verdicts"] is None
    assert deep["verdicts"]


async def test_the_callers_loop_stays_free(settings: Settings, debate: Path) -> None:
    orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    result = await orchestrator.execute_autonomous_intelligence_workflow(str(debate))
    ticking.cancel()
    assert result.status == "complete"
    assert ticks > 10


async def test_a_cancelled_run_ends_and_can_be_continued(settings: Settings, debate: Path) -> None:
    orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch(event: StageEvent) -> None:
        if event.stage == "claims":
            loop.call_soon_threadsafe(started.set)

    orchestrator.events.subscribe(watch)
    run = asyncio.create_task(
        orchestrator.execute_autonomous_intelligence_workflow(str(debate), "deep")
    )
    await started.wait()
    run.cancel()
    done, _ = await asyncio.wait([run], timeout=30)
    assert done == {run}
    assert run.cancelled()
    again = await orchestrator.execute_autonomous_intelligence_workflow(str(debate), "deep")
    assert again.status == "complete"
    assert "transcription" in again.reused
