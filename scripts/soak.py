"""Half an hour of everything at once, with processes killed at random, and what was lost.

Usage:
    python scripts/soak.py [--minutes 30] [--report docs/analysis/soak.md] [--seed 1]

Two workers share a data folder: one lives through all of it and is measured, the other is killed
with SIGKILL again and again. Meanwhile lists of links are put up, single recordings are run, and
everything remembered is searched, by commands of which many are killed as well. Links lead to a
server on loopback; some lead nowhere. At the end the workers finish what is left, and it is
counted: every recording that was asked for has one report, equal to that of an undisturbed run,
and is remembered once. The exit status is 1 where that is not so, or where memory, open files or
the size of the job database grew beyond what the work explains.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.jobs.job import ENDED, JobView
from ultimate_discord_intelligence_bot.settings import Settings, load_settings

DEPTHS = ("standard", "standard", "standard", "deep", "comprehensive")
SUBJECTS = ("coffee", "bicycles", "whales", "bridges", "glaciers", "railways", "opera", "bees")
QUESTIONS = ("how many were there", "the most wonderful of all", "million in the country")
BROKEN = 20
"""One link in so many leads nowhere."""

SAMPLE_S = 5.0
WARM = 0.3
"""Share of the time after which memory and files must not grow any more."""

AT_ONCE = 2
"""Commands beside the workers; more would only measure how long a machine takes to start them."""

MOST_GROWTH_MB = 60.0
MOST_FILES = 40
MOST_DATABASE = 1.25
"""What a job may add to the job database late, as a multiple of what it adds early."""

DRAIN_S = 600.0
KILLED_AFTER_S = (10.0, 50.0)
"""How long a worker lives that is to be killed, at least and at most."""


# -- what is heard -------------------------------------------------------------------------------


def talk(number: int) -> str:
    """Captions of a recording: about a minute of claims, different for each number."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    lines = [f"Welcome to talk number {number} about {subject}."]
    for year in range(12):
        count = (number * 7 + year * 13) % 90 + 10
        lines.append(f"In {1900 + 10 * year} there were {count} million {subject} in the country.")
        lines.append(f"I think that {subject} are the most wonderful of all, and always were.")
    cues = (
        f"{_clock(4 * at)} --> {_clock(4 * at + 3.5)}\n<v Host>{line}"
        for at, line in enumerate(lines)
    )
    return "WEBVTT\n\n" + "\n\n".join(cues) + "\n"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{seconds % 60:06.3f}"


@contextmanager
def served() -> Iterator[str]:
    """The talks as ``/talk-N.vtt``; other paths lead nowhere."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.removeprefix("/talk-").removesuffix(".vtt")
            found = name.isdigit()
            body = talk(int(name)).encode() if found else b"nothing here"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/vtt" if found else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Those who ask are killed at any time."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


# -- what is done --------------------------------------------------------------------------------


def command(*arguments: str) -> list[str]:
    """``autointel`` with arguments, as this Python runs it."""
    return [sys.executable, "-m", "ultimate_discord_intelligence_bot", *arguments]


@dataclass
class Sample:
    """How it stood at one moment: seconds, megabytes, numbers."""

    at: float
    memory: float
    files: int
    threads: int
    ended: int
    jobs_mb: float
    data_mb: float


@dataclass
class Soak:
    """One run of it.

    Attributes:
        wanted: links that were put up, each with the depths asked for.
        done: what was done how often, by name.
    """

    url: str
    settings: Settings
    random: random.Random
    began: float = field(default_factory=time.monotonic)
    number: int = 0
    lists: int = 0
    wanted: set[tuple[str, str]] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def start(self, *arguments: str, text: str | None = None) -> subprocess.Popen[bytes]:
        """Begin a command, with something to read."""
        self.done[arguments[0]] += 1
        process = subprocess.Popen(
            command(*arguments),
            stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.settings.data_dir.parent / "stderr.log").open("ab"),
            start_new_session=True,
        )
        if text is not None and process.stdin:
            process.stdin.write(text.encode())
            process.stdin.close()
        return process

    def links(self, many: int) -> list[tuple[str, str]]:
        """New links, old ones again, and some that lead nowhere; none of them twice."""
        chosen: dict[str, str] = {}
        for _ in range(many):
            if self.number and self.random.random() < 0.2:
                number = self.random.randrange(self.number)
            else:
                number, self.number = self.number, self.number + 1
            name = f"nothing-{number}" if number % BROKEN == BROKEN - 1 else f"talk-{number}"
            chosen.setdefault(f"{self.url}/{name}.vtt", self.random.choice(DEPTHS))
        return list(chosen.items())

    def put_up(self) -> None:
        """A list of links for the workers; the command may be killed and is then given again."""
        self.lists += 1
        chosen = self.links(self.random.randint(3, 12))
        text = "".join(f"{link} {depth}\n" for link, depth in chosen)
        arguments = ("batch", "-", "--detach", "--name", f"list-{self.lists}")
        process = self.start(*arguments, text=text)
        if self.random.random() < 0.2:
            time.sleep(self.random.uniform(0.2, 3))
            self.kill(process, "batch")
            process = self.start(*arguments[:-1], f"again-{self.lists}", text=text)
        if process.wait(120) == 0:
            self.wanted.update(chosen)
        else:
            self.problems.append(f"a list could not be put up (exit status {process.returncode})")

    def run_one(self) -> None:
        """One recording, by a process of its own; killed in one case of three."""
        ((link, depth),) = self.links(1)
        process = self.start("run", link, "--depth", depth, "--json")
        self.begun(process, 0.33, "run")

    def ask(self) -> None:
        """A question about everything that was heard, or a look at the whole."""
        question = self.random.choice(
            [
                ("search", self.random.choice(QUESTIONS), "--json"),
                ("claims", "million", "--json"),
                ("contradictions", "--json"),
                ("memory", "stats", "--json"),
                ("jobs", "list", "--json"),
            ]
        )
        self.begun(self.start(*question), 0.2, question[0])

    def begun(self, process: subprocess.Popen[bytes], share: float, name: str) -> None:
        """Leave a command to itself, or kill it at some moment."""
        if self.random.random() < share:
            time.sleep(self.random.uniform(0.1, 4))
            self.kill(process, name)
        else:
            self.children.append(process)

    def kill(self, process: subprocess.Popen[bytes], name: str) -> None:
        """SIGKILL, to all of its processes."""
        if process.poll() is None:
            self.done[f"{name} killed"] += 1
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def reap(self) -> None:
        """See how the commands that were left alone have ended."""
        for process in [each for each in self.children if each.poll() is not None]:
            self.children.remove(process)
            # 3: the link leads nowhere, as it should.
            if process.returncode not in (0, 3):
                name = " ".join(map(str, list(process.args)[3:]))  # type: ignore[arg-type]
                self.problems.append(f"{name} ended with {process.returncode}")

    def sample(self, worker: int, board: Board) -> None:
        """Note how the worker and the data folder stand."""
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{worker}/status").read_text().splitlines()
        )
        ended = sum(1 for view in board.look() if view.ended)
        self.samples.append(
            Sample(
                self.elapsed(),
                # Mapped files, such as the vectors, are the kernel's to drop.
                int(status["RssAnon"].split()[0]) / 1024,
                len(list(Path(f"/proc/{worker}/fd").iterdir())),
                int(status["Threads"]),
                ended,
                _size(self.settings.data_dir.glob("jobs.sqlite*")),
                _size(self.settings.data_dir.rglob("*")),
            )
        )


def _size(paths: Iterator[Path]) -> float:
    """Megabytes on the disk; files may go while they are looked at."""
    total = 0
    for path in paths:
        with suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total / 1e6


def soak(minutes: float, seed: int, folder: Path) -> Soak:
    """Do all of it, and look at what came of it."""
    os.environ |= {
        "AUTOINTEL_DATA_DIR": str(folder / "data"),
        "AUTOINTEL_ALLOWED_HOSTS": "127.0.0.1",
        "AUTOINTEL_WIKIPEDIA": "off",
        "AUTOINTEL_RUNS_PER_HOST": "8",
    }
    settings = load_settings()
    with served() as url, Board(settings) as board:
        here = Soak(url, settings, random.Random(seed))
        steady = here.start("worker", "--concurrency", "2")
        victim = here.start("worker", "--concurrency", "2")
        sampled = time.monotonic()
        doomed = sampled + here.random.uniform(*KILLED_AFTER_S)
        try:
            while here.elapsed() < minutes * 60:
                if time.monotonic() > doomed:
                    here.kill(victim, "worker")
                    victim = here.start("worker", "--concurrency", "2")
                    doomed = time.monotonic() + here.random.uniform(*KILLED_AFTER_S)
                if time.monotonic() - sampled > SAMPLE_S:
                    here.sample(steady.pid, board)
                    sampled = time.monotonic()
                waiting = board.counts()["waiting"]
                deeds = [here.ask, here.run_one] + ([here.put_up] * 2 if waiting < 20 else [])
                here.reap()
                if len(here.children) < AT_ONCE:
                    here.random.choice(deeds)()
                time.sleep(here.random.uniform(0.2, 3))
            drain(here, board)
            here.sample(steady.pid, board)
            judge(here, board, steady.pid)
        finally:
            for process in (*here.children, victim):
                here.kill(process, "leftover")
            steady.terminate()
            if (code := steady.wait(120)) != 0:
                here.problems.append(f"the steady worker ended with {code}")
    return here


def drain(here: Soak, board: Board) -> None:
    """Wait until everything that was put up has ended.

    A job under which its workers died again and again was parked; it is tried once more.
    """
    finish(here, board)
    for view in list(board.look(statuses=["parked"])):
        here.done["jobs parked, tried again"] += 1
        subprocess.run(command("jobs", "retry", view.id), capture_output=True, check=True)
    finish(here, board)


def finish(here: Soak, board: Board) -> None:
    """Wait until nobody works."""
    deadline = time.monotonic() + DRAIN_S
    while time.monotonic() < deadline:
        here.reap()
        if not here.children and sum(board.counts().values()) == 0:
            return
        time.sleep(1)
    here.problems.append(f"after {DRAIN_S:.0f} s some jobs have not ended: {board.counts()}")


# -- what came of it -----------------------------------------------------------------------------


def judge(here: Soak, board: Board, worker: int) -> None:
    """Look for what was lost, doubled or spoilt, and for what grew."""
    views = list(board.look())
    lost_or_failed(here, views)
    equal_to_undisturbed(here, views)
    remembered_once(here, views)
    grew(here)


def lost_or_failed(here: Soak, views: Sequence[JobView]) -> None:
    """Every link of every list has a job that ended as it should."""
    by_place: dict[tuple[str, str], list[JobView]] = {}
    for view in views:
        by_place.setdefault((view.job.url, str(view.job.depth)), []).append(view)
        if view.status not in ENDED:
            here.problems.append(f"{view.id} is {view.status}")
        expected = {"failed"} if "/nothing-" in view.job.url else {"complete"}
        if view.status not in expected:
            here.problems.append(
                f"{view.job.url} ({view.job.depth}) is {view.status}: {view.error}"
            )
    for place in here.wanted - by_place.keys():
        here.problems.append(f"{place} was put up and is lost")
    here.done["jobs"] = len(views)
    here.done["recordings"] = len({view.job.url for view in views if view.outcome})


def equal_to_undisturbed(here: Soak, views: Sequence[JobView]) -> None:
    """The newest report of some recordings is that of a run in an empty folder."""
    finished = [view for view in views if view.outcome and view.job.depth == "standard"]
    for view in here.random.sample(finished, min(12, len(finished))):
        assert view.outcome is not None
        with tempfile.TemporaryDirectory() as apart:
            result = subprocess.run(
                command("run", view.job.url, "--depth", view.job.depth, "--json"),
                env=os.environ | {"AUTOINTEL_DATA_DIR": apart},
                capture_output=True,
                check=True,
            )
            alone = Path(json.loads(result.stdout)["out"]) / "report.json"
            if _content(alone) != _content(view.outcome.out / "report.json"):
                here.problems.append(f"the report of {view.job.url} is not that of a run alone")
        here.done["reports compared"] += 1


def _content(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text())
    del report["acquired_at"]
    return report


def remembered_once(here: Soak, views: Sequence[JobView]) -> None:
    """Both stores hold what was heard, no more and no less."""
    subprocess.run(command("memory", "repair", "--json"), capture_output=True, check=False)
    checked = subprocess.run(
        command("memory", "check", "--json"), capture_output=True, text=True, check=False
    )
    if checked.returncode != 0:
        here.problems.append(f"memory check: {checked.stdout[-500:]}{checked.stderr[-500:]}")
    told = subprocess.run(
        command("memory", "stats", "--json"), capture_output=True, text=True, check=True
    )
    stats = json.loads(told.stdout)
    here.done["recordings remembered"] = sources = _sources(stats)
    links = {view.job.url for view in views if view.outcome}
    # Single runs were killed or not, and their recordings may be remembered besides.
    if sources < len(links) or sources > here.number:
        here.problems.append(f"{sources} recordings are remembered, {len(links)} had jobs")


def _sources(stats: Any) -> int:
    """The number of recordings, wherever the statistics tell it."""
    if isinstance(stats, dict):
        if isinstance(stats.get("sources"), int):
            return int(stats["sources"])
        return max((_sources(each) for each in stats.values()), default=0)
    return 0


def grew(here: Soak) -> None:
    """Memory, files, threads of the worker are flat; so is what a job adds to the database."""
    warm = [each for each in here.samples if each.at > here.samples[-1].at * WARM]
    if len(warm) < 6:
        return
    third = max(1, len(warm) // 3)
    for name, most in (("memory", MOST_GROWTH_MB), ("files", MOST_FILES), ("threads", MOST_FILES)):
        early = float(np.median([getattr(each, name) for each in warm[:third]]))
        late = float(np.median([getattr(each, name) for each in warm[-third:]]))
        if late - early > most:
            here.problems.append(f"{name} of the worker grew from {early:.0f} to {late:.0f}")
    middle = warm[len(warm) // 2]
    before, after = _added(warm[0], middle), _added(middle, warm[-1])
    if after > MOST_DATABASE * before:
        here.problems.append(f"a job added {before:.0f} kB to the database, later {after:.0f} kB")


def _added(first: Sample, last: Sample) -> float:
    """Kilobytes of the job database for each job that ended between two moments."""
    return 1000 * (last.jobs_mb - first.jobs_mb) / max(1, last.ended - first.ended)


# -- what is told --------------------------------------------------------------------------------


def told(here: Soak, minutes: float, seed: int) -> str:
    """The report, in Markdown."""
    last = here.samples[-1]
    per_job = last.jobs_mb * 1000 / max(1, last.ended)
    lines = [
        "# Soak",
        "",
        f"{minutes:g} minutes of everything at once, with processes killed at random (seed {seed}),"
        f" on {os.cpu_count()} cores, Python {platform.python_version()}, Autointel "
        f"{version('ultimate_discord_intelligence_bot')}. `make soak` does it again; the head of "
        "`scripts/soak.py` tells what is done and what is counted.",
        "",
        "**Nothing was lost, doubled or spoilt, and nothing grew.**"
        if not here.problems
        else f"**{len(here.problems)} problems:**",
        "",
        *(f"- {problem}" for problem in here.problems[:50]),
        "",
        "| done | how often |",
        "|---|---:|",
        *(f"| {name} | {count:,} |" for name, count in sorted(here.done.items())),
        "",
        "The worker that lived through it, and the data folder:",
        "",
        "| minute | memory (MB) | open files | threads | jobs ended | job database (MB) | "
        "data folder (MB) |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        *(_row(each) for each in _spread(here.samples)),
        "",
        f"The job database takes {per_job:.1f} kB for each job; "
        "`AUTOINTEL_JOB_DAYS` says when they are forgotten.",
        "",
    ]
    return "\n".join(lines)


def _spread(samples: Sequence[Sample], many: int = 16) -> list[Sample]:
    places = np.unique(np.linspace(0, len(samples) - 1, many).round().astype(int))
    return [samples[place] for place in places]


def _row(each: Sample) -> str:
    return (
        f"| {each.at / 60:.1f} | {each.memory:.0f} | {each.files} | {each.threads} | "
        f"{each.ended:,} | {each.jobs_mb:.1f} | {each.data_mb:.0f} |"
    )


def main() -> int:
    """Run it; 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--keep", type=Path, help="folder to use, and to leave behind")
    chosen = parser.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        here = soak(chosen.minutes, chosen.seed, folder)
    finally:
        if chosen.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    report = told(here, chosen.minutes, chosen.seed)
    print(report)
    if chosen.report:
        chosen.report.write_text(report)
    return 1 if here.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
