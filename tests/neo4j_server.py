"""A real Neo4j on loopback: fetched once with Maven, shared by all workers of a test session."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from tests.processes import alive

VERSION = "5.26.12"
"""Of the line with long-term support that runs on Java 17."""

PASSWORD = "only on loopback"

NEO4J_MARKS = [pytest.mark.xdist_group("neo4j"), pytest.mark.timeout(900)]
"""For tests that need a server: one process runs them, and the first may have to fetch it."""

_POM = f"""
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>autointel</groupId>
  <artifactId>tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.neo4j</groupId><artifactId>neo4j-bolt</artifactId><version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

# It ends with the last process that holds a lock on the file of its users, however that ends.
_JAVA = """
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.graphdb.GraphDatabaseService;

public class Server {
  public static void main(String[] args) {
    try {
      run(args);
    } catch (Throwable problem) {
      problem.printStackTrace();
    }
    Runtime.getRuntime().halt(0);
  }

  static void run(String[] args) throws Exception {
    boolean fresh = !Files.exists(Path.of(args[0], "home"));
    SocketAddress address = new SocketAddress("127.0.0.1", Integer.parseInt(args[1]));
    GraphDatabaseService system = new DatabaseManagementServiceBuilder(Path.of(args[0], "home"))
        .setConfig(BoltConnector.enabled, true)
        .setConfig(BoltConnector.listen_address, address)
        .setConfig(BoltConnector.advertised_address, address)
        .setConfig(GraphDatabaseSettings.auth_enabled, true)
        .setConfig(GraphDatabaseSettings.auth_max_failed_attempts, 0)
        .setConfig(GraphDatabaseSettings.pagecache_memory, 64L << 20)
        .build()
        .database("system");
    if (fresh) {
      system.executeTransactionally(
          "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED",
          Map.of("password", args[2]));
    }
    System.out.println("ready");
    FileChannel.open(
        Path.of(args[0], "users"), StandardOpenOption.READ, StandardOpenOption.WRITE).lock();
  }
}
"""


_started: list[subprocess.Popen[bytes]] = []


@dataclass
class Server:
    """A server and its folder.

    Attributes:
        process: its id, as long as it runs.
    """

    folder: Path
    port: int
    process: int

    @property
    def uri(self) -> str:
        return f"neo4j://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.process, signal.SIGKILL)
        _wait(lambda: not alive(self.process), 60)

    def pause(self) -> None:
        """Let it say nothing more, with all its connections open."""
        os.kill(self.process, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process, signal.SIGCONT)

    def start(self) -> None:
        """Start it again, at the same address and with the same data."""
        self.process = _launch(self.folder, self.port)


def shared_server(temporary: pytest.TempPathFactory) -> Server:
    """The server that all tests of a session may use; each keeps to tenants of its own.

    Skips the test where there can be none.
    """
    base = temporary.getbasetemp()
    return _server(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base, "shared-neo4j")


def own_server(temporary: pytest.TempPathFactory) -> Server:
    """A server for the tests of this process alone, which may stop and break it."""
    return _server(temporary.getbasetemp(), "own-neo4j")


@cache
def _server(base: Path, name: str) -> Server:
    folder = base / name
    folder.mkdir(exist_ok=True)
    # Kept open until this process ends: closing it gives up the lock.
    users = os.open(folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.lockf(users, fcntl.LOCK_SH)
    with _alone(folder / "starting"):
        about = folder / "server.json"
        if about.exists():
            server = Server(folder, **json.loads(about.read_text()))
            if alive(server.process):
                return server
        shutil.rmtree(folder / "home", ignore_errors=True)
        port = _free_port()
        server = Server(folder, port, _launch(folder, port))
        about.write_text(json.dumps({"port": port, "process": server.process}))
        return server


def _launch(folder: Path, port: int) -> int:
    source = folder / "Server.java"
    source.write_text(_JAVA)
    command = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    command += ["-cp", f"{_libraries()}/*", str(source), str(folder), str(port), PASSWORD]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder
        )
    _started.append(process)
    _wait(lambda: b"ready" in log.read_bytes() or process.poll() is not None, 300)
    if process.poll() is not None:
        pytest.fail(f"Neo4j did not start: {log.read_text()[-2000:]}")
    return process.pid


def _libraries() -> Path:
    """The folder of the server's jars, fetched when it is not there yet; skips if it cannot be."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache_home / "autointel-tests" / f"neo4j-{VERSION}"
    if obstacle := _obstacle(folder):
        pytest.skip(obstacle)
    return folder


@cache
def _obstacle(folder: Path) -> str | None:
    if not _java_fits():
        return "Neo4j needs a JDK, 17 or later, which is not here."
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.parent / f"{folder.name}.lock"):
        return None if folder.exists() else _fetch(folder)


def _fetch(folder: Path) -> str | None:
    if shutil.which("mvn") is None:
        return "Maven is needed to fetch Neo4j, and is not here."
    build = folder.parent / f"{folder.name}.new"
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir()
    (build / "pom.xml").write_text(_POM)
    # With strict checksums: a jar that is not what its repository says is no jar.
    command = ["mvn", "--batch-mode", "--quiet", "--strict-checksums"]
    if repository := os.environ.get("AUTOINTEL_TEST_MAVEN"):
        mirror = f"<id>tests</id><mirrorOf>*</mirrorOf><url>{escape(repository)}</url>"
        (build / "settings.xml").write_text(
            f"<settings><mirrors><mirror>{mirror}</mirror></mirrors></settings>"
        )
        command += ["--settings", "settings.xml"]
    command += ["dependency:copy-dependencies", "-DoutputDirectory=jars"]
    try:
        done = subprocess.run(command, cwd=build, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "Neo4j could not be fetched within ten minutes."
    if done.returncode:
        return f"Neo4j could not be fetched: {done.stdout[-500:]}"
    (build / "jars").rename(folder)
    shutil.rmtree(build)
    return None


def _java_fits() -> bool:
    if shutil.which("java") is None:
        return False
    told = subprocess.run(["java", "--list-modules"], capture_output=True, text=True).stdout
    # The program that starts it is compiled as it is run.
    compiler = re.search(r"^jdk\.compiler@(\d+)", told, re.MULTILINE)
    return compiler is not None and int(compiler[1]) >= 17


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
