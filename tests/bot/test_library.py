"""The bot asks the memory in a process of its own, which may die, and reads briefings."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.bot_screens import SAID, report
from tests.s3_server import S3Server, s3_server
from ultimate_discord_intelligence_bot.bucket import Bucket
from ultimate_discord_intelligence_bot.discord_bot.library import Library
from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.errors import (
    BriefingGone,
    InputError,
    LibraryBusy,
    RunUnknown,
    ServiceGone,
    StorageError,
    WorkerDied,
)
from ultimate_discord_intelligence_bot.jobs.job import Outcome
from ultimate_discord_intelligence_bot.memory import graph_of, open_memory
from ultimate_discord_intelligence_bot.memory.ownership import Ownership
from ultimate_discord_intelligence_bot.models.graph import Graph, Relation
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.memory import Record
from ultimate_discord_intelligence_bot.models.report import Report
from ultimate_discord_intelligence_bot.runs import stable_id
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings
from ultimate_discord_intelligence_bot.stages import memory_for

GUILD, OTHER = "discord-1", "discord-2"
RENT = ("Good evening.", "Rents in the city have doubled.", "A rent cap would help at once.")
TALK = ("Welcome back.", "Rents in the city have fallen.", "Nobody builds houses any more.")


def link(name: str) -> str:
    return f"https://example.org/{name}"


def source_id(name: str, tenant: str = GUILD) -> str:
    return stable_id("source", tenant, "web", link(name))


def heard(
    name: str, title: str, texts: tuple[str, ...], day: int, tenant: str = GUILD
) -> tuple[Source, list[Record]]:
    """A recording of two speakers in turn; its second sentence is a claim."""
    published = date(2024, 5, day)
    source = Source(
        id=source_id(name, tenant), url=link(name), title=title, platform="web", published=published
    )
    said = [("segment", row, text) for row, text in enumerate(texts)] + [("claim", 1, texts[1])]
    records = [
        Record.model_validate(
            {
                "id": stable_id("record", tenant, source.id, kind, str(row)),
                "kind": kind,
                "tenant": tenant,
                "source_id": source.id,
                "title": title,
                "url": source.at(60.0 * row),
                "published": published,
                "text": text,
                "start": 60.0 * row,
                "end": 60.0 * row + 5,
                "speaker": ("Ann", "Bob")[row % 2],
                "row": row,
                "verdict": "Refuted" if kind == "claim" else None,
            }
        )
        for kind, row, text in said
    ]
    return source, records


async def remember(settings: Settings) -> None:
    """Two recordings of a guild that contradict each other, one without a graph, one of another."""
    rent = heard("rent", "The rent debate", RENT, 1)
    talk = heard("talk", "Housing [today]", TALK, 2)
    bare = heard("bare", "A debate of old", RENT, 3)
    foreign = heard("foreign", "The rent of others", RENT, 1, OTHER)
    with memory_for(settings) as memory:
        for source, records in (rent, talk, bare, foreign):
            texts = [record.text for record in records if record.kind == "segment"]
            tenant = records[0].tenant
            vectors = load_embedder().encode(texts)
            await memory.remember_vectors(source, tenant, records, vectors)
        await memory.remember_graph(graph_of(rent[0], GUILD, rent[1]))
        graph = graph_of(talk[0], GUILD, talk[1])
        clash = Relation(
            kind="CONTRADICTS",
            start=talk[1][-1].id,
            end=rent[1][-1].id,
            properties={"reason": "rose, fell", "since": "2024-06-01"},
        )
        await memory.remember_graph(Graph(**(dict(graph) | {"links": (clash,)})))
        await memory.remember_graph(graph_of(foreign[0], OTHER, foreign[1]))


@asynccontextmanager
async def opened(settings: Settings, **more: Any) -> AsyncIterator[Library]:
    library = Library(settings, **more)
    try:
        yield library
    finally:
        await library.close()


def readers(parent: int) -> list[int]:
    """The processes that ask the memory for a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_one = b"discord_bot.reader" in (folder / "cmdline").read_bytes()
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if is_one and int(after_name[1]) == parent and after_name[0] != "Z":
                found.append(int(folder.name))
    return found


def tell(sign: signal.Signals) -> None:
    for process in readers(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(process, sign)


# -- what is asked -------------------------------------------------------------------------------


async def test_what_is_remembered_can_be_asked_for(settings: Settings) -> None:
    await remember(settings)
    async with opened(settings) as library:
        first, *_ = await library.search(GUILD, "cap on rents")
        assert first.text == "A rent cap would help at once."
        only = await library.search(GUILD, "rents", source="The rent DEBATE", speaker="Bob")
        assert {(hit.source, hit.speaker) for hit in only} == {("The rent debate", "Bob")}
        late = await library.search(GUILD, "rents", since=date(2024, 5, 2))
        assert {hit.source for hit in late} == {"Housing [today]", "A debate of old"}

        newest, oldest = await library.claims(GUILD)
        assert (newest.text, oldest.text) == (TALK[1], RENT[1])
        assert await library.claims(GUILD, verdict="refut") == ()
        (own,) = await library.claims(GUILD, source_id=link("rent"), limit=10**9)
        assert own.text == RENT[1]

        (pair,) = await library.links(GUILD, "contradictions", source=link("talk"))
        assert (pair.first.text, pair.second.text) == (RENT[1], TALK[1])
        assert pair.reason == "rose, fell"
        assert await library.links(GUILD, "agreements") == ()

        stats = await library.stats(GUILD)
        assert (stats.vector.sources, stats.graph.sources) == (3, 2)
        assert await library.source(GUILD, link("rent")) == (source_id("rent"), "The rent debate")
        assert len(readers(os.getpid())) == 1
    assert readers(os.getpid()) == []


async def test_titles_are_offered_while_they_are_written(settings: Settings) -> None:
    await remember(settings)
    async with opened(settings) as library:
        titles = [title for _, title in await library.sources(GUILD, "")]
        assert titles == ["Housing [today]", "The rent debate", "A debate of old"]
        assert await library.sources(GUILD, "the RENT") == ((source_id("rent"), "The rent debate"),)
        debates = await library.sources(GUILD, "debate")
        assert [title for _, title in debates] == ["The rent debate", "A debate of old"]
        assert len(await library.sources(GUILD, "e", limit=1)) == 1
        assert await library.sources(GUILD, "x" * 100_000) == ()


async def test_nobody_sees_what_is_remembered_for_others(settings: Settings) -> None:
    await remember(settings)
    async with opened(settings) as library:
        assert {hit.source for hit in await library.search(OTHER, "rents")} == {
            "The rent of others"
        }
        assert len(await library.sources(OTHER, "")) == 1
        with pytest.raises(RunUnknown):
            await library.source(OTHER, "The rent debate")
        await library.forget(OTHER, source_id("rent"))
        assert await library.claims(GUILD, source_id=source_id("rent"))


async def test_what_is_forgotten_is_gone(settings: Settings) -> None:
    await remember(settings)
    folder = settings.data_dir / "runs" / source_id("rent")
    (folder / "briefing").mkdir(parents=True)
    async with opened(settings) as library:
        assert len(await library.sources(GUILD, "the")) == 1
        gone = await library.forget(GUILD, source_id("rent"))
        assert (gone.source_id, gone.records) == (source_id("rent"), 4)
        assert await library.sources(GUILD, "the") == ()
    assert not folder.exists()


async def test_what_cannot_be_asked_is_explained_and_no_process_is_lost(settings: Settings) -> None:
    async with opened(settings) as library:
        assert await library.search(GUILD, "anything") == ()
        reader = readers(os.getpid())
        with pytest.raises(InputError, match="nothing to look for"):
            await library.search(GUILD, "?!\ud800")
        with pytest.raises(InputError, match="no verdict"):
            await library.claims(GUILD, verdict="perhaps")
        with pytest.raises(RunUnknown, match="No recording is called"):
            await library.source(GUILD, "/etc/hostname")
        assert readers(os.getpid()) == reader


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with opened(load_settings(AUTOINTEL_DATA_DIR=tmp_path / "file")) as library:
        with pytest.raises(StorageError, match="file"):
            await library.stats(GUILD)


# -- the process ---------------------------------------------------------------------------------


async def test_it_begins_with_the_first_question(settings: Settings) -> None:
    async with opened(settings) as library:
        assert readers(os.getpid()) == []
        await library.stats(GUILD)
        assert len(readers(os.getpid())) == 1


async def test_one_that_was_killed_has_a_successor(settings: Settings) -> None:
    async with opened(settings) as library:
        await library.stats(GUILD)
        tell(signal.SIGKILL)
        await library.stats(GUILD)
        tell(signal.SIGSTOP)
        asked = asyncio.create_task(library.stats(GUILD))
        await asyncio.sleep(0.1)
        tell(signal.SIGKILL)
        assert (await asked).vector.sources == 0


async def test_one_that_dies_twice_over_a_question_is_told(settings: Settings) -> None:
    async def killing() -> None:
        while True:
            tell(signal.SIGKILL)
            await asyncio.sleep(0.02)

    async with opened(settings) as library:
        murder = asyncio.create_task(killing())
        with pytest.raises(WorkerDied, match="died twice"):
            await library.stats(GUILD)
        murder.cancel()
        await library.stats(GUILD)


async def test_one_that_does_not_answer_is_replaced(settings: Settings) -> None:
    async with opened(settings) as library:
        await library.stats(GUILD)
        patience, library.patience = library.patience, 0.2
        tell(signal.SIGSTOP)
        with pytest.raises(LibraryBusy, match=r"within 0\.2 seconds"):
            await library.stats(GUILD)
        library.patience = patience
        assert readers(os.getpid()) == []
        await library.stats(GUILD)


async def test_only_so_many_questions_wait(settings: Settings) -> None:
    async with opened(settings) as library:
        await library.stats(GUILD)
        tell(signal.SIGSTOP)
        asked = [asyncio.create_task(library.stats(GUILD)) for _ in range(64)]
        await asyncio.sleep(0)
        with pytest.raises(LibraryBusy, match="64 questions wait"):
            await library.stats(GUILD)
        tell(signal.SIGCONT)
        assert len(await asyncio.gather(*asked)) == 64


async def test_who_gives_up_leaves_no_answer_to_others(settings: Settings) -> None:
    await remember(settings)
    async with opened(settings) as library:
        await library.stats(GUILD)
        tell(signal.SIGSTOP)
        asked = asyncio.create_task(library.stats(GUILD))
        await asyncio.sleep(0.1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert len(await library.claims(GUILD)) == 2


async def test_who_waits_at_the_end_is_told(settings: Settings) -> None:
    async with opened(settings) as library:
        await library.stats(GUILD)
        tell(signal.SIGSTOP)
        asked = asyncio.create_task(library.stats(GUILD))
        await asyncio.sleep(0.1)
        await library.close()
        with pytest.raises(ServiceGone, match="ending"):
            await asked
    assert readers(os.getpid()) == []


async def test_a_silent_one_lets_others_have_the_memory(settings: Settings) -> None:
    async with opened(settings, silence=0.1) as library:
        await library.stats(GUILD)
        deadline = time.monotonic() + 30
        while True:
            with suppress(StorageError):
                Ownership(settings.data_dir).close()
                break
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        await remember(settings)
        embedder = load_embedder()
        with open_memory(
            settings.data_dir, embedder=embedder.name, dimension=embedder.dimension
        ) as memory:
            assert len(await library.claims(GUILD)) == 2
            assert len(await memory.claims(GUILD)) == 2
        assert len(readers(os.getpid())) == 1


BOT = """
import asyncio, json, os, sys, time
from datetime import date
from pathlib import Path
from ultimate_discord_intelligence_bot.discord_bot import answers
from ultimate_discord_intelligence_bot.discord_bot.library import Library
from ultimate_discord_intelligence_bot.jobs.job import Outcome
from ultimate_discord_intelligence_bot.settings import Depth, load_settings

HEAVY = "crewai onnxruntime qdrant_client qdrant_edge neo4j dbos faster_whisper av tokenizers"

async def main():
    library = Library(load_settings())
    await library.search("discord-1", "rents", since=date(2020, 1, 1))
    await library.stats("discord-1")
    outcome = Outcome.model_validate_json(sys.argv[1])
    answers.claims(await library.claims("discord-1"))
    await library.files(outcome, Depth.DEEP)
    print(json.dumps([name for name in HEAVY.split() if name in sys.modules]), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_the_bot_stays_light_and_takes_its_process_with_it(
    settings: Settings, tmp_path: Path
) -> None:
    outcome = briefed(tmp_path / "out")
    environment = {**os.environ, "AUTOINTEL_DATA_DIR": str(settings.data_dir)}
    command = [sys.executable, "-c", BOT, outcome.model_dump_json()]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as bot:
        assert bot.stdout is not None
        assert json.loads(bot.stdout.readline()) == []
        (reader,) = readers(bot.pid)
        bot.kill()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{reader}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# -- briefings -----------------------------------------------------------------------------------


def briefed(folder: Path, made: Report | None = None) -> Outcome:
    """A job that ended well, with its report in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes((made or report()).encode())
    return Outcome(status="complete", run_id="run", title="Mars", out=folder, seconds=1.0)


async def test_a_briefing_on_this_machine_is_read(settings: Settings, tmp_path: Path) -> None:
    outcome = briefed(tmp_path / "out")
    async with opened(settings) as library:
        assert await library.report(outcome, Depth.DEEP) == report()
        files = await library.files(outcome, Depth.DEEP)
    assert list(files) == ["report.html", "transcript.vtt", "report.json"]
    assert SAID[0] in files["report.html"].decode()
    assert b"<audio" not in files["report.html"]
    assert b"<video" not in files["report.html"]
    assert files["transcript.vtt"].startswith(b"WEBVTT")
    assert Report.decode(files["report.json"]) == report()


async def test_what_is_too_large_for_a_message_is_left_out(
    settings: Settings, tmp_path: Path
) -> None:
    outcome = briefed(tmp_path / "out")
    async with opened(settings) as library:
        whole = await library.files(outcome, Depth.DEEP)
        some = await library.files(outcome, Depth.DEEP, limit=len(whole["report.html"]) - 1)
        assert "report.html" not in some
        assert "transcript.vtt" in some
        assert sum(map(len, some.values())) < len(whole["report.html"])
        assert await library.files(outcome, Depth.DEEP, limit=1) == {}


@pytest.mark.parametrize("damage", ["removed", "emptied", "damaged", "another's", "deeper"])
async def test_a_briefing_that_is_gone_is_said_to_be(
    settings: Settings, tmp_path: Path, damage: str
) -> None:
    outcome = briefed(tmp_path / "out")
    path = outcome.out / "report.json"
    if damage == "removed":
        path.unlink()
    elif damage == "another's":
        briefed(outcome.out, report(run_id="another"))
    elif damage != "deeper":
        path.write_bytes(b"" if damage == "emptied" else b'{"claims": "many"}')
    async with opened(settings) as library:
        depth = Depth.COMPREHENSIVE if damage == "deeper" else Depth.DEEP
        with pytest.raises(BriefingGone, match=r"not here any more\. Ask for its link again\."):
            await library.files(outcome, depth)


async def test_a_briefing_of_any_size_does_not_fill_the_bot(
    settings: Settings, tmp_path: Path
) -> None:
    outcome = briefed(tmp_path / "out")
    with (outcome.out / "report.json").open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    async with opened(settings) as library:
        with pytest.raises(StorageError, match="more than 64 megabytes"):
            await library.report(outcome, Depth.DEEP)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.mark.xdist_group("s3")
@pytest.mark.timeout(600)
async def test_a_briefing_of_another_machine_comes_from_the_bucket(
    data_dir: Path, tmp_path: Path, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_ARTIFACTS_URL=server.url)
    outcome = briefed(tmp_path / "there")
    bucket = Bucket.of(settings)
    assert bucket is not None
    place = data_dir / "runs" / "run" / "briefing" / "deep" / "report.json"
    await bucket.send(place, outcome.out / "report.json")
    elsewhere = outcome.model_copy(update={"out": Path("/of/another/machine")})
    async with opened(settings) as library:
        assert await library.report(elsewhere, Depth.DEEP) == report()
        bucket.remove(place.parent)
        with pytest.raises(BriefingGone):
            await library.report(elsewhere, Depth.DEEP)
