"""What a user is told, and what is delivered, when a server of the memory does not serve."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.neo4j_server import NEO4J_MARKS, PASSWORD, Server, own_server, shared_server
from ultimate_discord_intelligence_bot.errors import GraphUnreachable, VectorsUnreachable
from ultimate_discord_intelligence_bot.memory import Servers, open_memory
from ultimate_discord_intelligence_bot.memory.drivers import neo4j, qdrant

AUTOINTEL = str(Path(sys.executable).with_name("autointel"))
DEBATE = str(Path(__file__).parents[2] / "examples" / "debate.vtt")
SECRET = "not to be told"
UNUSABLE, PARTIAL, FAILED = 5, 4, 3
"""Exit codes, as the help of the command line documents them."""


def autointel(data_dir: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [AUTOINTEL, *words],
        env={
            **os.environ,
            "AUTOINTEL_DATA_DIR": str(data_dir),
            "AUTOINTEL_WIKIPEDIA": "off",
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done


def told(done: subprocess.CompletedProcess[str]) -> str:
    """All that was printed, whatever the width of the terminal."""
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A service that answers everything alike; its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = answer  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


# -- Qdrant ---------------------------------------------------------------------------------------


@pytest.mark.timeout(180)
def test_without_qdrant_the_briefing_is_delivered_and_a_later_run_makes_up_for_it(
    tmp_path: Path, free_port: int
) -> None:
    away = {"QDRANT_URL": f"http://127.0.0.1:{free_port}", "QDRANT_API_KEY": SECRET}
    done = autointel(tmp_path, "run", DEBATE, "--json", **away)
    assert done.returncode == PARTIAL, done.stderr
    (missing,) = [m for m in json.loads(done.stdout)["missing"] if m["stage"] == "vector_memory"]
    assert "does not answer" in missing["reason"]
    assert "QDRANT_URL" in missing["remedy"]
    # Embedded now, as it would be with the server back.
    assert autointel(tmp_path, "run", DEBATE).returncode == 0
    assert "1 recording" in autointel(tmp_path, "memory", "stats").stdout


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"Invalid API key", "QDRANT_API_KEY"),
        (200, b"<html>Welcome!</html>", "like a Qdrant server"),
        (200, b"\x00\xff\x16\x03", "like a Qdrant server"),
        (200, b'{"title": "elsewhere", "version": "unknown"}', "like a Qdrant server"),
        (500, b'{"status": {"error": "out of sorts"}}', "out of sorts"),
    ],
)
@pytest.mark.timeout(120)
def test_a_service_that_is_no_qdrant_for_us(
    tmp_path: Path, status: int, body: bytes, words: str
) -> None:
    with answering(status, body) as address:
        done = autointel(
            tmp_path, "memory", "stats", QDRANT_URL=f"http://{address}", QDRANT_API_KEY=SECRET
        )
    assert done.returncode == UNUSABLE
    assert words in told(done)
    assert "QDRANT_URL" in told(done) or status == 401


@pytest.mark.timeout(120)
def test_a_wrong_key_stops_a_run_at_once(tmp_path: Path) -> None:
    with answering(403, b"forbidden") as address:
        settings = {"QDRANT_URL": f"http://{address}", "QDRANT_API_KEY": SECRET}
        done = autointel(tmp_path, "run", DEBATE, **settings)
        assert done.returncode == UNUSABLE
        assert "QDRANT_API_KEY" in told(done)
        doctor = autointel(tmp_path, "doctor", **settings)
        assert "QDRANT_API_KEY" in told(doctor)
        assert doctor.returncode not in (0, 1)


async def test_an_address_that_swallows_everything_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for driver in (neo4j, qdrant):
        assert driver._PATIENCE_AT_START_S < 10
        monkeypatch.setattr(driver, "_PATIENCE_AT_START_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        for servers, error in (
            (Servers(qdrant_url=f"http://{address}"), VectorsUnreachable),
            (Servers(neo4j_uri=f"bolt://{address}"), GraphUnreachable),
        ):
            began = time.monotonic()
            opening = asyncio.to_thread(
                open_memory, tmp_path, embedder="test", dimension=8, servers=servers
            )
            with await opening as memory:
                assert time.monotonic() - began < 20
                with pytest.raises(error):
                    await memory.stats("local")
                with pytest.raises(error):
                    assert [portion async for portion in memory.export("local")]


# -- Neo4j ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return shared_server(tmp_path_factory)


@pytest.mark.timeout(180)
def test_without_neo4j_everything_else_is_delivered(tmp_path: Path, free_port: int) -> None:
    away = {"NEO4J_URI": f"neo4j://127.0.0.1:{free_port}", "NEO4J_PASSWORD": SECRET}
    done = autointel(tmp_path, "run", DEBATE, "--depth", "deep", "--json", **away)
    assert done.returncode == PARTIAL, done.stderr
    missing = {each["stage"]: each for each in json.loads(done.stdout)["missing"]}
    assert "vector_memory" not in missing
    assert "cannot be reached" in missing["graph_memory"]["reason"]
    assert "NEO4J_URI" in missing["graph_memory"]["remedy"]
    stats = autointel(tmp_path, "memory", "stats", **away)
    assert stats.returncode == UNUSABLE
    assert "NEO4J_URI" in told(stats)
    repair = autointel(tmp_path, "memory", "repair", **away)
    assert repair.returncode == UNUSABLE
    doctor = autointel(tmp_path, "doctor", **away)
    assert "NEO4J_URI" in told(doctor)
    assert doctor.returncode not in (0, 1)


class TestWithNeo4j:
    pytestmark = NEO4J_MARKS

    def test_what_neo4j_missed_it_gets_when_it_is_back(
        self, tmp_path: Path, server: Server, free_port: int
    ) -> None:
        tenant = {"AUTOINTEL_TENANT": f"guild-{uuid.uuid4().hex[:8]}"}
        there = {"NEO4J_URI": server.uri, "NEO4J_PASSWORD": PASSWORD, **tenant}
        away = there | {"NEO4J_URI": f"neo4j://127.0.0.1:{free_port}"}
        run = ("run", DEBATE, "--depth", "deep")
        assert autointel(tmp_path, *run, **away).returncode == PARTIAL
        done = autointel(tmp_path, "memory", "repair", **there)
        assert done.returncode == 0, told(done)
        check = autointel(tmp_path, "memory", "check", **there)
        assert (check.returncode, "hold the same" in told(check)) == (0, True)
        stats = json.loads(autointel(tmp_path, "memory", "stats", "--json", **there).stdout)
        assert stats["vector"] == stats["graph"]
        assert stats["vector"]["segments"] > 20

    def test_a_wrong_password_stops_a_run_at_once(self, tmp_path: Path, server: Server) -> None:
        settings = {"NEO4J_URI": server.uri, "NEO4J_PASSWORD": SECRET}
        for words in (("run", DEBATE, "--depth", "deep"), ("memory", "stats")):
            done = autointel(tmp_path, *words, **settings)
            assert done.returncode == UNUSABLE
            assert "NEO4J_PASSWORD" in told(done)

    def test_gone_in_the_middle_of_a_run_it_gets_the_rest_later(
        self, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, recording: Any
    ) -> None:
        own, tenant = own_server(tmp_path_factory), f"guild-{uuid.uuid4()}"
        servers = Servers(neo4j_uri=own.uri, neo4j_password=PASSWORD)
        talks = [recording(f"talk-{n}", tenant=tenant, seed=n) for n in range(3)]
        with open_memory(tmp_path, embedder="test", dimension=8, servers=servers) as memory:
            memory._stores.graph._patience = 1.0  # type: ignore[attr-defined]
            for number, talk in enumerate(talks):
                if number == 1:
                    own.kill()
                asyncio.run(talk.to_vectors(memory))
                if number:
                    with pytest.raises(GraphUnreachable):
                        asyncio.run(talk.to_graph(memory))
                else:
                    asyncio.run(talk.to_graph(memory))
            began = time.monotonic()
        own.start()
        assert time.monotonic() - began < 120
        with open_memory(tmp_path, embedder="test", dimension=8, servers=servers) as memory:
            assert len(memory.unfinished()) == 2
            assert len(asyncio.run(memory.recover())) == 2
            assert asyncio.run(memory.check(tenant)) == ()
            stats = asyncio.run(memory.stats(tenant))
            assert stats.vector == stats.graph
            assert stats.vector.sources == 3
