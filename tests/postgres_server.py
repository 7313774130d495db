"""A real Postgres on loopback, for the tests of jobs on several machines."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

POSTGRES_MARKS = [
    pytest.mark.skipif(
        not _BINARIES, reason="Postgres is not installed (Debian: apt-get install postgresql)"
    ),
    pytest.mark.xdist_group("postgres"),
    pytest.mark.timeout(600),
]


class Postgres:
    """A server with one empty database, on a folder and a port of its own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="autointel-postgres-"))
        self._data = self._folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        if os.getuid() == 0:  # which Postgres refuses to run as
            shutil.chown(self._folder, "postgres", "postgres")
        self._run("initdb", "-D", self._data, "-U", "autointel", "-A", "trust", "-E", "UTF8")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", self._port, "-U", "autointel", "jobs")

    @property
    def url(self) -> str:
        """As AUTOINTEL_DATABASE_URL names it."""
        return f"postgresql://autointel@127.0.0.1:{self._port}/jobs"

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1"
        log = self._folder / "log"
        self._run("pg_ctl", "-D", self._data, "-l", log, "-w", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def end_connections(self, who: str) -> None:
        """End what somebody has open here, as the network does to a machine that is gone."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s",
                [who],
            ).fetchall()
        assert ended

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(_BINARIES[-1].with_name(program)), *map(str, arguments)]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout
