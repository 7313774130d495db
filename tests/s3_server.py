"""A real S3-compatible server on loopback: moto, in an environment of its own."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import httpx
import pytest

S3_MARKS = [pytest.mark.xdist_group("s3"), pytest.mark.timeout(600)]
"""For tests that need a server: the first may have to fetch it."""

_LOCK = Path(__file__).parent.parent / "requirements" / "s3.txt"
_KEYS = {
    "AWS_ACCESS_KEY_ID": "only-on-loopback",
    "AWS_SECRET_ACCESS_KEY": "only-on-loopback",
    "AWS_REGION": "us-east-1",
}


class S3Server:
    """A server; what it holds is gone when it is stopped.

    Attributes:
        bucket: the one in use.
    """

    def __init__(self, log: Path) -> None:
        self.bucket = "artifacts-0"
        self._program = _environment() / "bin" / "moto_server"
        self._log = log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.start()

    @property
    def url(self) -> str:
        """As AUTOINTEL_ARTIFACTS_URL names the bucket."""
        return f"s3://{self.bucket}/here/and-there"

    @property
    def environment(self) -> dict[str, str]:
        """Where it is, and the keys to it."""
        return {**_KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}"}

    def start(self) -> None:
        command = [str(self._program), "-H", "127.0.0.1", "-p", str(self._port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            with suppress(httpx.TransportError):
                self.request("PUT", self.bucket).raise_for_status()
                break
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Let it say nothing more, with all its connections open."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def objects(self) -> list[str]:
        """The keys of all objects in the bucket."""
        listed = self.request("GET", f"{self.bucket}?list-type=2").raise_for_status().text
        return sorted(re.findall(r"<Key>([^<]*)</Key>", listed))

    def begin_anew(self) -> None:
        """Use another bucket, which is empty."""
        self.bucket = f"artifacts-{int(self.bucket.rpartition('-')[2]) + 1}"
        self.request("PUT", self.bucket).raise_for_status()

    def request(self, method: str, path: str, content: bytes | None = None) -> httpx.Response:
        """Ask it for something, with no key at all."""
        url = f"{self.environment['AWS_ENDPOINT_URL']}/{path}"
        headers = {"Content-Type": "text/plain"}
        return httpx.request(method, url, content=content, headers=headers, trust_env=False)

    @contextmanager
    def knowing_nobody(self) -> Iterator[None]:
        """Every key is refused."""
        self.request("POST", "moto-api/reset-auth", b"0").raise_for_status()
        try:
            yield
        finally:
            self.request("POST", "moto-api/reset-auth", b"inf").raise_for_status()


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A server for the tests of this process; skips where there can be none."""
    server = S3Server(folder / "s3.log")
    try:
        yield server
    finally:
        server.stop()


def _environment() -> Path:
    """The folder of the server's programs, made when it is not there; skips if it cannot be."""
    content = hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache_home / "autointel-tests" / f"s3-{content}"
    if obstacle := _obstacle(folder):
        pytest.skip(obstacle)
    return folder


@cache
def _obstacle(folder: Path) -> str | None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return None if (folder / "whole").exists() else _make(folder)


def _make(folder: Path) -> str | None:
    if shutil.which("uv") is None:
        return "uv is needed to install an S3-compatible server, and is not here."
    shutil.rmtree(folder, ignore_errors=True)
    # Made where it stays: its programs name their interpreter by its whole path.
    new, into = (
        ["uv", "venv", "--quiet", "--python"],
        ["uv", "pip", "install", "--quiet", "--python"],
    )
    for command in (
        [*new, sys.executable, folder],
        [*into, folder / "bin" / "python", "--require-hashes", "--requirement", _LOCK],
    ):
        try:
            done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=500)
        except subprocess.TimeoutExpired:
            return "The S3-compatible server could not be installed in time."
        if done.returncode:
            return f"The S3-compatible server could not be installed: {done.stderr[-500:]}"
    (folder / "whole").touch()
    return None
