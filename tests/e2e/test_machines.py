"""Several machines with one bucket: what one has done, another need not do."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import content, execute
from tests.killed_run import KilledRun
from tests.media import make_tone
from tests.s3_server import S3_MARKS, S3Server, s3_server
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.autonomous_orchestrator import RunResult
from ultimate_discord_intelligence_bot.bucket import Bucket
from ultimate_discord_intelligence_bot.errors import ArtifactsUnreachable
from ultimate_discord_intelligence_bot.models.memory import Forgotten
from ultimate_discord_intelligence_bot.oblivion import forget_source, prune
from ultimate_discord_intelligence_bot.plans import Flags, plan
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings
from ultimate_discord_intelligence_bot.stages import memory_for

pytestmark = S3_MARKS

EVERY_STAGE = {stage.name for stage in plan(Depth.STANDARD, Flags()).stages}
OF_ITS_OWN = {"vector_memory", "graph_memory"}
"""Every machine of these tests has a memory of its own."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    server.begin_anew()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AUTOINTEL_ARTIFACTS_URL", server.url)
    return server


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    folder = tmp_path / "web"
    folder.mkdir()
    make_tone(folder / "film.mp4")
    sentences = (f"In 19{50 + i} there were {i + 2} million lions." for i in range(6))
    cues = (f"00:0{i}.000 --> 00:0{i}.900\n{text}" for i, text in enumerate(sentences))
    (folder / "film.mp4.vtt").write_text("WEBVTT\n\n" + "\n\n".join(cues))
    with serve(folder) as web:
        yield web


def machine(name: str, **more: Any) -> Settings:
    return load_settings(AUTOINTEL_DATA_DIR=Path(name).absolute(), **more)


def run_on(name: str, source: Path | str, **more: Any) -> RunResult:
    result = execute(machine(name).data_dir, source, **more)
    assert result.error is None
    return result


def bucket_of(name: str) -> Bucket:
    bucket = Bucket.of(machine(name))
    assert bucket is not None
    return bucket


def forget_on(name: str, source_id: str) -> Forgotten:
    settings = machine(name)
    with memory_for(settings) as memory:
        return asyncio.run(forget_source(settings, memory, source_id))


def test_a_second_machine_does_nothing_again(s3: S3Server, debate: Path) -> None:
    first, second = run_on("one", debate), run_on("two", debate)
    assert first.reused == ()
    assert set(second.reused) == EVERY_STAGE - OF_ITS_OWN
    assert content(second) == content(first)
    assert second.out is not None
    bucket = bucket_of("two")
    for name in ("report.html", "report.json", "report.md", "transcript.vtt", "claims.jsonld"):
        assert bucket.read(second.out / name) == (second.out / name).read_bytes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    debate = Path(__file__).parents[2] / "examples" / "debate.opus"
    alone = execute(tmp_path_factory.mktemp("alone"), debate, AUTOINTEL_ARTIFACTS_URL=None)
    return content(alone)


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("acquisition", "started"),
        ("acquisition", "finished"),
        ("embedding", "started"),
        ("claims", "finished"),
        ("briefing", "finished"),
    ],
)
def test_what_a_killed_machine_has_done_is_done(
    s3: S3Server,
    debate: Path,
    stage: str,
    kind: str,
    killed_run: KilledRun,
    undisturbed: dict[str, Any],
) -> None:
    assert killed_run(Path("one"), debate, stage, kind, "standard") == -signal.SIGKILL
    continued = run_on("two", debate)
    assert continued.status == "complete"
    waves = plan(Depth.STANDARD, Flags()).waves()
    position = next(i for i, wave in enumerate(waves) if stage in {s.name for s in wave})
    ended = {s.name for wave in waves[:position] for s in wave}
    ended |= {stage} if kind == "finished" else set()
    assert ended - OF_ITS_OWN <= set(continued.reused)
    assert content(continued) == undisturbed


def test_a_second_machine_downloads_nothing_from_the_site(s3: S3Server, web: Web) -> None:
    link = f"{web.url}/page-with/film.mp4"
    first = run_on("one", link)
    asked = web.requests.copy()
    second = run_on("two", link)
    assert web.requests == asked
    assert set(second.reused) == EVERY_STAGE - OF_ITS_OWN
    [media] = Path("two").rglob("media.mp4")
    assert media.read_bytes() == (web.folder / "film.mp4").read_bytes()
    assert content(second) == content(first)


def test_what_is_not_in_the_bucket_any_more_is_downloaded_anew(s3: S3Server, web: Web) -> None:
    link = f"{web.url}/page-with/film.mp4"
    run_on("one", link)
    [media] = Path("one").absolute().glob("runs/*/media")
    bucket_of("one").remove(media)
    second = run_on("two", link)
    assert "acquisition" not in second.reused
    assert second.status == "complete"


def test_a_run_without_its_bucket_fails_and_says_why(
    s3: S3Server, debate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOINTEL_ARTIFACTS_URL", "s3://nobodys/here")
    result = execute(machine("one").data_dir, debate)
    assert result.status == "failed"
    assert isinstance(result.error, ArtifactsUnreachable)


def test_what_is_forgotten_is_gone_from_the_bucket(s3: S3Server, debate: Path, web: Web) -> None:
    stays = run_on("one", f"{web.url}/page-with/film.mp4")
    goes = run_on("one", debate)
    forget_on("one", goes.run_id)
    assert s3.objects()
    assert all(stays.run_id in key for key in s3.objects())


def test_other_links_to_what_is_forgotten_are_found_by_a_machine_that_met_none(
    s3: S3Server, web: Web
) -> None:
    first = run_on("one", f"{web.url}/page-with/film.mp4")
    for file in list(web.folder.iterdir()):
        shutil.copy(file, file.with_name(file.name.replace("film", "mirror")))
    mirror = run_on("one", f"{web.url}/page-with/mirror.mp4")
    assert mirror.run_id != first.run_id
    assert mirror.report is not None
    assert mirror.report.source.id == first.run_id
    assert {key.split("/")[3] for key in s3.objects()} == {first.run_id, mirror.run_id}
    forget_on("two", first.run_id)
    assert s3.objects() == []


def age(folder: Path, days: float) -> None:
    """Let a folder look as if nobody had touched it for so long."""
    then = time.time() - days * 86_400
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


def prune_on(name: str, now: datetime) -> tuple[str, ...]:
    settings = machine(name, AUTOINTEL_RETENTION_DAYS=2)
    with memory_for(settings) as memory:
        return asyncio.run(prune(settings, memory, now))


def test_what_was_kept_long_enough_leaves_the_bucket_too(s3: S3Server, debate: Path) -> None:
    result = run_on("one", debate)
    now = datetime.now().astimezone()
    assert prune_on("one", now) == ()
    assert s3.objects()
    assert prune_on("one", now + timedelta(days=3)) == (result.run_id,)
    assert s3.objects() == []


def test_what_another_machine_still_works_at_stays_in_the_bucket(
    s3: S3Server, debate: Path, unfinished: Callable[[str, Path], str]
) -> None:
    run_id = unfinished("two", debate)
    before = s3.objects()
    age(Path("two") / "runs" / run_id, days=3)
    assert prune_on("two", datetime.now().astimezone()) == (run_id,)
    assert s3.objects() == before
    run_id = unfinished("two", debate)
    assert prune_on("two", datetime.now().astimezone() + timedelta(days=3)) == (run_id,)
    assert s3.objects() == []


@pytest.fixture
def unfinished(killed_run: KilledRun) -> Callable[[str, Path], str]:
    """Lets a machine die in the middle of a run; gives the run's id."""

    def of(name: str, source: Path) -> str:
        killed_run(Path(name), source, "claims", "started", "experimental")
        [folder] = (Path(name) / "runs").iterdir()
        return folder.name

    return of
