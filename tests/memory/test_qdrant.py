"""A Qdrant server over the wire: wrong addresses and keys, trouble that passes, trouble that stays.

No server can be started here, so a small one on loopback answers as the client library's own
in-memory implementation says, and misbehaves as it is told.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models

from ultimate_discord_intelligence_bot.errors import (
    AutointelError,
    DiskFull,
    StorageError,
    VectorsAccessDenied,
    VectorsUnreachable,
)
from ultimate_discord_intelligence_bot.memory.drivers import qdrant
from ultimate_discord_intelligence_bot.memory.drivers.qdrant import QdrantVectors
from ultimate_discord_intelligence_bot.memory.ports import Where
from ultimate_discord_intelligence_bot.models.memory import Record
from ultimate_discord_intelligence_bot.runs import stable_id

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning")
DIMENSION = 8
Trouble = Callable[[str, str], tuple[int, Any] | None]

LOST = {"status": {"error": "lost"}}
"""An answer in place of the one to something that was done."""


def fine(_method: str, _path: str) -> None:
    return None


class Stub(ThreadingHTTPServer):
    """A server that keeps what it is given; ``trouble`` may answer in its place."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0, behind: QdrantClient | None = None) -> None:
        self.behind = behind or QdrantClient(":memory:")
        self.version = "1.20.0"
        self.trouble: Trouble = fine
        self.seen: list[tuple[str, str, str | None]] = []
        self.turn = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


class Handler(BaseHTTPRequestHandler):
    server: Stub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.server.seen.append((self.command, self.path, self.headers.get("api-key")))
        status, said = self.server.trouble(self.command, path) or (200, None)
        if said is None or said is LOST:
            with self.server.turn:
                done = self.serve(path.strip("/").split("/"), json.loads(body or "null"))
            said = said or done
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

    def serve(self, path: list[str], body: Any) -> Any:
        if path == [""]:
            return {"title": "qdrant", "version": self.server.version}
        result = self.result(path, body)
        plain = result.model_dump(mode="json") if hasattr(result, "model_dump") else result
        return {"result": plain, "status": "ok", "time": 0.0}

    def result(self, path: list[str], body: Any) -> Any:  # noqa: C901
        behind, name = self.server.behind, path[1] if len(path) > 1 else ""
        match (self.command, *path[:1], *path[2:]):
            case ("GET", "aliases"):
                return behind.get_aliases()
            case ("POST", "collections", *_) if name == "aliases":
                for action in body["actions"]:
                    if made := action.get("create_alias"):
                        operation = models.CreateAliasOperation(create_alias=made)
                        behind.update_collection_aliases([operation])
                return True
            case ("GET", "collections", "exists"):
                return {"exists": behind.collection_exists(name)}
            case ("GET", "collections"):
                return self.described(name)
            case ("PUT", "collections"):
                return behind.create_collection(
                    name,
                    vectors_config={
                        key: models.VectorParams(**each) for key, each in body["vectors"].items()
                    },
                    sparse_vectors_config={
                        key: models.SparseVectorParams(**each)
                        for key, each in body["sparse_vectors"].items()
                    },
                    metadata=body["metadata"],
                )
            case ("PUT", "collections", "index"):
                return {"operation_id": 1, "status": "completed"}
            case ("PUT", "collections", "points"):
                given = models.PointsList.model_validate(body)
                return behind.upsert(name, given.points)
            case ("POST", "collections", "points"):
                kept = behind.retrieve(name, body["ids"], with_payload=False)
                return [each.model_dump(mode="json") for each in kept]
            case ("POST", "collections", "points", "delete"):
                return behind.delete(name, models.PointIdsList.model_validate(body))
            case ("POST", "collections", "points", "scroll"):
                asked = models.ScrollRequest.model_validate(body)
                found, offset = behind.scroll(
                    name,
                    asked.filter,
                    limit=asked.limit or 10,
                    offset=asked.offset,
                    with_payload=bool(asked.with_payload),
                    with_vectors=asked.with_vector or False,
                )
                points = [each.model_dump(mode="json") for each in found]
                return {"points": points, "next_page_offset": offset}
            case ("POST", "collections", "points", "query", "batch"):
                asked_all = models.QueryRequestBatch.model_validate(body).searches
                answers = behind.query_batch_points(name, asked_all)
                return [answer.model_dump(mode="json") for answer in answers]
            case _:
                raise AssertionError(f"{self.command} {path}")

    def described(self, name: str) -> Any:
        known = self.server.behind.get_aliases().aliases
        names = {each.alias_name: each.collection_name for each in known}
        return self.server.behind.get_collection(names.get(name, name))


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.end()


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qdrant, "_PAUSES_S", (0.05, 0.1))


@pytest.fixture
def store(stub: Stub) -> Iterator[QdrantVectors]:
    opened = QdrantVectors(stub.url, "secret", "test", DIMENSION)
    yield opened
    opened.close()


def say(count: int) -> tuple[list[Record], NDArray[np.float32]]:
    records = [
        Record(
            id=stable_id("record", str(row)),
            kind="segment",
            tenant="local",
            source_id="talk",
            title="The talk",
            url="",
            published=None,
            text=f"Sentence {row}.",
            start=row,
            end=row + 1,
            speaker=None,
            row=row,
        )
        for row in range(count)
    ]
    rows = np.random.default_rng(0).normal(size=(count, DIMENSION)).astype(np.float32)
    return records, rows / np.linalg.norm(rows, axis=1, keepdims=True)


def refused_at(url: str, key: str | None = None) -> AutointelError:
    with pytest.raises(AutointelError) as caught:
        QdrantVectors(url, key, "test", DIMENSION)
    return caught.value


async def test_it_writes_in_batches_and_waits_for_each(stub: Stub, store: QdrantVectors) -> None:
    records, rows = say(600)
    held = await store.replace("local", "talk", records, rows)
    assert held == {record.id for record in records}
    writes = [path for method, path, _ in stub.seen if method == "PUT" and "/points" in path]
    assert len(writes) == 3
    assert all("wait=true" in path for path in writes)
    assert {key for _, _, key in stub.seen} == {"secret"}


async def test_many_queries_are_one_request(stub: Stub, store: QdrantVectors) -> None:
    records, rows = say(50)
    await store.replace("local", "talk", records, rows)
    stub.seen.clear()
    texts = [record.text for record in records[:20]]
    hits = await store.search(rows[:20], 3, Where("local"), mode="hybrid", texts=texts)
    assert [some[0].text for some in hits] == texts
    assert len(stub.seen) == 1


async def test_everything_that_can_be_filtered_is_indexed(stub: Stub) -> None:
    QdrantVectors(stub.url, None, "test", DIMENSION).close()
    indexes = [path for method, path, _ in stub.seen if path.partition("?")[0].endswith("/index")]
    assert len(indexes) == 9


def test_a_key_that_is_wrong_is_told(stub: Stub) -> None:
    for status in (401, 403):
        stub.trouble = lambda *_, status=status: (status, {"status": {"error": "Invalid key"}})
        error = refused_at(stub.url, "wrong-key")
        assert isinstance(error, VectorsAccessDenied)
        assert "QDRANT_API_KEY" in error.remedy
        assert "wrong-key" not in str(error)


def test_nobody_at_the_address_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = refused_at(f"http://user:hidden@127.0.0.1:{taken.getsockname()[1]}")
    assert isinstance(error, VectorsUnreachable)
    assert "QDRANT_URL" in error.remedy
    assert "hidden" not in str(error)


def test_a_name_that_leads_nowhere_is_told() -> None:
    assert isinstance(refused_at("http://no-such-host.invalid:6333"), VectorsUnreachable)


@pytest.mark.parametrize("page", [(200, b"<html>Welcome!</html>"), (404, b"<html>404</html>")])
def test_something_else_at_the_address_is_told(stub: Stub, page: tuple[int, bytes]) -> None:
    stub.trouble = lambda *_: page
    error = refused_at(stub.url)
    assert isinstance(error, VectorsUnreachable)
    assert "like a Qdrant server" in error.message
    assert len(stub.seen) == 1, "repeating it cannot help"


def test_a_server_that_is_too_old_is_told(stub: Stub) -> None:
    stub.version = "1.9.2"
    error = refused_at(stub.url)
    assert "1.9.2" in error.message
    assert "1.19" in error.remedy


def test_a_collection_of_a_newer_version_is_left_alone(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant, "FORMAT", 99)
    QdrantVectors(stub.url, None, "test", DIMENSION).close()
    monkeypatch.undo()
    error = refused_at(stub.url)
    assert isinstance(error, StorageError)
    assert "format 99" in error.message


async def test_trouble_that_passes_is_not_seen(stub: Stub, store: QdrantVectors) -> None:
    records, rows = say(300)
    count = 0

    def every_other_fails(_method: str, _path: str) -> tuple[int, Any] | None:
        nonlocal count
        count += 1
        return (503, {"status": {"error": "starting"}}) if count % 2 else None

    stub.trouble = every_other_fails
    assert len(await store.replace("local", "talk", records, rows)) == 300
    [hits] = await store.search(rows[7:8], 1, Where("local"))
    assert hits[0].text == "Sentence 7."


async def test_an_answer_that_got_lost_does_not_double_anything(
    stub: Stub, store: QdrantVectors
) -> None:
    records, rows = say(10)
    await store.replace("local", "talk", records, rows)
    failed: list[str] = []

    def write_then_fail(method: str, path: str) -> tuple[int, Any] | None:
        if method == "PUT" and path.endswith("/points") and not failed:
            failed.append(path)
            return 500, LOST
        return None

    stub.trouble = write_then_fail
    assert len(await store.replace("local", "talk", records, rows)) == 10
    assert failed


@pytest.mark.parametrize("status", [429, 500, 502])
async def test_trouble_that_stays_is_told_after_some_attempts(
    stub: Stub, store: QdrantVectors, status: int
) -> None:
    stub.trouble = lambda *_: (status, {"status": {"error": "out of sorts"}})
    stub.seen.clear()
    with pytest.raises(VectorsUnreachable, match="out of sorts"):
        await store.ids("local", "talk")
    assert len(stub.seen) == 3


async def test_a_request_that_is_refused_is_not_repeated(stub: Stub, store: QdrantVectors) -> None:
    stub.trouble = lambda *_: (400, {"status": {"error": "Wrong input"}})
    stub.seen.clear()
    with pytest.raises(StorageError, match="Wrong input"):
        await store.ids("local", "talk")
    assert len(stub.seen) == 1


async def test_a_full_disk_of_the_server_is_told(stub: Stub, store: QdrantVectors) -> None:
    stub.trouble = lambda *_: (500, {"status": {"error": "No space left on device: WAL buffer"}})
    with pytest.raises(DiskFull, match="disk of http") as caught:
        await store.replace("local", "talk", *say(3))
    assert "on the server" in caught.value.remedy


async def test_a_server_that_says_nothing_is_not_waited_for_forever(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant, "_TIMEOUT_S", 1)
    monkeypatch.setattr(qdrant, "_PAUSES_S", (0.05,))
    store = QdrantVectors(stub.url, None, "test", DIMENSION)
    stub.trouble = lambda *_: time.sleep(1.5)
    began = time.monotonic()
    with pytest.raises(VectorsUnreachable, match="does not answer"):
        await store.ids("local", "talk")
    assert time.monotonic() - began < 5
    stub.trouble = fine
    store.close()


async def test_a_server_gone_in_the_middle_of_a_write_and_back(
    stub: Stub, store: QdrantVectors
) -> None:
    records, rows = say(600)
    writes = 0

    def gone_at_the_second(method: str, path: str) -> tuple[int, Any] | None:
        nonlocal writes
        writes += method == "PUT" and path.endswith("/points")
        if writes == 2:
            threading.Thread(target=stub.end).start()
            raise ConnectionAbortedError
        return None

    stub.trouble = gone_at_the_second
    stub.handle_error = lambda *_: None  # type: ignore[method-assign]
    port = int(stub.server_address[1])
    with pytest.raises(VectorsUnreachable):
        await store.replace("local", "talk", records, rows)
    back = await asyncio.to_thread(Stub, port, stub.behind)
    try:
        assert len(await store.ids("local", "talk")) == 256
        assert len(await store.replace("local", "talk", records, rows)) == 600
        assert await store.ids("local", "talk") == {record.id for record in records}
    finally:
        await asyncio.to_thread(back.end)


async def test_it_serves_several_event_loops_and_threads(store: QdrantVectors) -> None:
    records, rows = say(20)
    await store.replace("local", "talk", records, rows)

    def in_another_loop(row: int) -> str:
        found = asyncio.run(store.search(rows[row : row + 1], 1, Where("local")))
        return found[0][0].text

    texts = await asyncio.gather(*(asyncio.to_thread(in_another_loop, i) for i in range(6)))
    assert texts == [f"Sentence {i}." for i in range(6)]


async def test_a_closed_store_says_so(stub: Stub) -> None:
    store = QdrantVectors(stub.url, None, "test", DIMENSION)
    store.close()
    store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.ids("local", "talk")
