"""What was forgotten is in no file any more, whatever happened while it was forgotten."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ultimate_discord_intelligence_bot.errors import DiskFull, StorageError
from ultimate_discord_intelligence_bot.memory import Memory, open_memory
from ultimate_discord_intelligence_bot.memory.database import Database
from ultimate_discord_intelligence_bot.memory.drivers import edge
from ultimate_discord_intelligence_bot.models.graph import Node, Relation
from ultimate_discord_intelligence_bot.models.verification import Evidence, Label, Verdict

Make = Callable[..., Any]

_CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from ultimate_discord_intelligence_bot.memory import open_memory

async def main():
    with open_memory(Path(sys.argv[2]), embedder="test", dimension=8) as memory:
        print("open", flush=True)
        await memory.forget("local", sys.argv[3])
        print("end", flush=True)

asyncio.run(main())
"""


def opened(folder: Path) -> Memory:
    return open_memory(folder, embedder="test", dimension=8)


def marked(recording: Make, name: str, mark: str, count: int = 30, seed: int = 0) -> Any:
    """A recording with its mark in every text, its title, its address and a speaker's name."""
    talk = recording(name, count, word=mark, seed=seed)
    source = talk.source.model_copy(
        update={"title": f"About {mark}", "url": f"https://example.org/{mark}", "uploader": mark}
    )
    records = tuple(
        record.model_copy(
            update={
                "title": source.title,
                "url": source.at(record.start),
                "speaker": mark if record.row % 3 == 1 else record.speaker,
            }
        )
        for record in talk.records
    )
    return type(talk)(
        source, talk.tenant, talk.transcript, talk.claims, talk.chapters, records, talk.vectors
    )


def verdict(mark: str, source_id: str) -> Verdict:
    evidence = Evidence(
        source_id=source_id,
        title=mark,
        url=f"https://example.org/{mark}",
        published=None,
        passage=mark,
        start=None,
        speaker=None,
        found_by="what was heard before",
        similarity=1,
        stance="supports",
    )
    return Verdict(
        claim="c",
        label=Label.SUPPORTED,
        evidence=(evidence,),
        explanation=mark,
        checked=date(2024, 5, 1),
    )


async def remember(memory: Memory, *talks: Any) -> None:
    for talk in talks:
        await asyncio.gather(talk.to_vectors(memory), talk.to_graph(memory))


def traces(folder: Path, mark: str) -> list[str]:
    """The files that hold a mark."""
    files = [path for path in (folder / "memory").rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if mark.encode() in path.read_bytes()]


async def test_no_file_holds_anything_of_a_forgotten_source(
    tmp_path: Path, recording: Make
) -> None:
    marks = [uuid.uuid4().hex for _ in range(6)]
    talks = [marked(recording, f"talk-{n}", mark, seed=n) for n, mark in enumerate(marks)]
    gone, ours = talks[2], marks[2]
    with opened(tmp_path) as memory:
        await remember(memory, *talks)
        # It was remembered before with other words, and another source quotes it.
        await gone.to_vectors(memory)
        quoting = talks[3]
        claim = quoting.claims.claims[0].text
        await memory.remember_verdicts(
            quoting.source, "local", {claim: verdict(ours, gone.source.id)}
        )
        await memory.remember_verdicts(gone.source, "local", {ours: verdict("x", "y")})
        graph = quoting.graph
        stated = next(node for node in graph.nodes if node.label == "Claim")
        leading = {"origin": gone.source.id, "passage": ours}
        nodes = (
            Node(uid="v", label="Verdict", properties={"label": "Supported", "explanation": ours}),
            Node(uid="e", label="Evidence", properties=leading),
        )
        relations = (
            Relation(kind="JUDGED", start=stated.uid, end="v"),
            Relation(kind="RESTS_ON", start="v", end="e"),
        )
        await memory.remember_graph(
            graph.model_copy(
                update={
                    "nodes": (*graph.nodes, *nodes),
                    "relations": (*graph.relations, *relations),
                }
            )
        )
        assert len(traces(tmp_path, ours)) >= 4
        identity = memory.identity
        await memory.forget("local", gone.source.id)
        assert traces(tmp_path, ours) == []
        assert await memory.check("local") == ()
        assert memory.identity == identity
    assert traces(tmp_path, ours) == []
    with opened(tmp_path) as memory:
        assert memory.identity == identity
        for talk in talks:
            hits = await memory.search(talk.vectors[4], tenant="local", limit=1)
            assert (hits[0].id == talk.records[4].id) == (talk is not gone)
        assert await memory.check("local") == ()
    for mark in marks:
        assert bool(traces(tmp_path, mark)) == (mark != ours)


async def test_no_file_holds_what_a_forgotten_speaker_said(tmp_path: Path, recording: Make) -> None:
    mark, other = uuid.uuid4().hex, uuid.uuid4().hex
    talk = marked(recording, "one", mark)
    with opened(tmp_path) as memory:
        await remember(memory, talk, recording("two", word=other, seed=1))
        whole = [record for record in talk.records if record.speaker == mark]
        assert whole
        await memory.forget_speaker("local", mark.upper())
        await memory.forget_speaker("local", "Ann")
        stats = await memory.stats("local")
        assert stats.vector == stats.graph
    assert b"Ann" not in b"".join(
        path.read_bytes() for path in (tmp_path / "memory").rglob("*") if path.is_file()
    )


async def test_what_is_not_remembered_costs_no_rebuilding(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, recording: Make, tmp_path: Path
) -> None:
    await remember(memory, recording())
    inode = (tmp_path / "data" / "memory" / "vectors").stat().st_ino
    await memory.recover()
    assert (tmp_path / "data" / "memory" / "vectors").stat().st_ino == inode


async def test_without_room_for_a_copy_it_is_gone_and_its_traces_go_later(
    tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = uuid.uuid4().hex
    talk, other = marked(recording, "one", mark), recording("two", seed=1)
    with opened(tmp_path) as memory:
        await remember(memory, talk, other)
        monkeypatch.setattr(edge, "_RESERVE", 2**62)
        with pytest.raises(DiskFull):
            await memory.forget("local", talk.source.id)
        assert sorted(path.name for path in (tmp_path / "memory").glob("vectors*")) == ["vectors"]
        assert await memory.remembered("local") == (other.source.id,)
        hits = await memory.search(other.vectors[3], tenant="local", limit=1)
        assert hits[0].id == other.records[3].id
        assert traces(tmp_path, mark)
    monkeypatch.undo()
    with opened(tmp_path) as memory:
        await memory.recover()
        assert traces(tmp_path, mark) == []
        assert await memory.remembered("local") == (other.source.id,)


async def test_a_file_that_somebody_reads_is_told(tmp_path: Path) -> None:
    import sqlite3

    database = Database(tmp_path / "notes.sqlite", "CREATE TABLE note (text TEXT)", version=1)
    await database.transact(lambda c: c.execute("PRAGMA busy_timeout = 50") and None)
    await database.transact(lambda c: c.execute("INSERT INTO note VALUES ('a')") and None)
    reader = sqlite3.connect(tmp_path / "notes.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM note").fetchall()
    await database.transact(lambda c: c.execute("DELETE FROM note") and None)
    with pytest.raises(StorageError, match="read by another process"):
        await database.purge()
    reader.close()
    await database.purge()
    database.close()


@pytest.mark.timeout(180)
def test_killed_while_it_forgets_a_repeat_or_the_next_run_ends_it(
    tmp_path: Path, recording: Make
) -> None:
    chance, stays = random.Random(3), recording("stays", 300, seed=9)
    with opened(tmp_path) as memory:
        asyncio.run(remember(memory, stays))
    ends = 0
    for attempt in range(5):
        mark = uuid.uuid4().hex
        talk = marked(recording, f"talk-{attempt}", mark, 120, seed=attempt)
        with opened(tmp_path) as memory:
            asyncio.run(remember(memory, talk))
        ends += _forget_and_be_killed(tmp_path, talk.source.id, chance.uniform(0.0, 0.6))
        with opened(tmp_path) as memory:
            asyncio.run(memory.recover())
            held = asyncio.run(memory.remembered("local"))
            drawn = {node.properties["source_id"] for node in asyncio.run(memory.sources("local"))}
            if talk.source.id in {*held, *drawn}:
                asyncio.run(memory.forget("local", talk.source.id))
            assert traces(tmp_path, mark) == []
            assert asyncio.run(memory.remembered("local")) == (stays.source.id,)
            assert asyncio.run(memory.check("local")) == ()
            assert asyncio.run(memory.stats("local")).vector.segments == 300
    assert ends < 5


def _forget_and_be_killed(folder: Path, source_id: str, after: float) -> bool:
    """Forget a source, killed after some seconds; whether it ended before."""
    arguments = [str(Path(__file__).parent), str(folder), source_id]
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, *arguments], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        time.sleep(after)
        child.kill()
        return b"end" in child.stdout.read()
