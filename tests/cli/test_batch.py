"""A list of links on the command line, and the jobs it becomes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.cli.command import started
from tests.jobs.conftest import talk
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.cli import app


def autointel(data_dir: Path, *words: str, given: str = "") -> Result:
    """A command that is not to be interrupted, in this process."""
    environment = {"AUTOINTEL_DATA_DIR": str(data_dir), "AUTOINTEL_DOWNLOAD_RETRIES": "0"}
    done = CliRunner().invoke(app, words, input=given, env=environment)
    assert "Traceback" not in done.stderr
    return done


def answered(data_dir: Path, *words: str) -> Any:
    told = autointel(data_dir, *words, "--json")
    assert told.exit_code == 0, told.stderr
    return json.loads(told.stdout)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    for number, name in enumerate(("ants", "bees", "cats")):
        talk(tmp_path / "www", name, number)
    with serve(tmp_path / "www") as server:
        yield server


def test_a_list_is_done_and_a_broken_link_costs_only_itself(
    web: Web, data_dir: Path, tmp_path: Path
) -> None:
    links = tmp_path / "links.txt"
    links.write_text(f"# talks\n{web.url}/ants.vtt\n{web.url}/bees.vtt deep\n{web.url}/no.vtt\nx\n")
    told = autointel(data_dir, "batch", str(links))
    assert told.exit_code == 4
    assert "3 recordings: 2 complete, 1 failed." in told.stdout
    assert "line 5" in told.stderr
    [page] = (data_dir / "batches").glob("links-*/index.html")
    assert str(page) in told.stdout
    assert "--retry-failed" in told.stdout

    asked = web.requests["/ants.vtt"]
    talk(tmp_path / "www", "no")
    links.write_text(links.read_text().removesuffix("x\n"))
    again = autointel(data_dir, "batch", str(links), "--retry-failed", "--json")
    assert again.exit_code == 0
    document = json.loads(again.stdout)
    assert document["statuses"]["complete"] == 3
    assert document["batch"] == page.parent.name
    assert web.requests["/ants.vtt"] == asked


def test_links_come_from_a_pipe_as_well(web: Web, data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = json.dumps({"url": f"{web.url}/ants.vtt", "depth": "deep"}) + "\n"
    told = autointel(data_dir, "batch", "-", "--out", str(out), given=given)
    assert told.exit_code == 0, told.stderr
    [report] = out.glob("*/report.json")
    assert json.loads(report.read_text())["depth"] == "deep"


def test_jobs_are_put_up_here_and_done_by_a_worker_there(
    web: Web, data_dir: Path, tmp_path: Path
) -> None:
    (links := tmp_path / "links.csv").write_text(
        f"url,depth\n{web.url}/ants.vtt,standard\n{web.url}/no.vtt,deep\n"
    )
    name = answered(data_dir, "batch", str(links), "--detach")["batch"]
    listed = answered(data_dir, "jobs", "list", "--batch", name)
    assert [job["status"] for job in listed] == ["waiting", "waiting"]
    with started(data_dir, "worker") as worker:
        deadline = time.monotonic() + 60
        while not all(job["ended"] for job in answered(data_dir, "jobs", "list")):
            assert time.monotonic() < deadline
        worker.send_signal(signal.SIGTERM)
        _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert "Taking nothing new" in err

    [failed] = answered(data_dir, "jobs", "list", "--status", "failed")
    assert "404" in failed["error"]
    shown = autointel(data_dir, "jobs", "show", failed["id"]).stdout
    assert "404" in shown
    [done] = answered(data_dir, "jobs", "list", "--status", "complete")
    stages = {stage["stage"] for stage in answered(data_dir, "jobs", "show", done["id"])["stages"]}
    assert stages >= {"acquisition", "transcription", "claims", "briefing"}
    assert "Ants" in autointel(data_dir, "jobs", "list").stdout

    assert answered(data_dir, "jobs", "retry", failed["id"]) == {"jobs": [failed["id"]]}
    assert answered(data_dir, "jobs", "cancel", "--batch", name) == {"jobs": [failed["id"]]}
    [job] = answered(data_dir, "jobs", "list", "--status", "cancelled")
    assert job["id"] == failed["id"]
    assert answered(data_dir, "jobs", "prune", "--days", "0") == {"jobs": 2}
    assert answered(data_dir, "jobs", "list") == []


def test_what_is_interrupted_goes_on(web: Web, data_dir: Path, tmp_path: Path) -> None:
    (links := tmp_path / "links.txt").write_text(
        f"{web.url}/ants.vtt\n{web.url}/slow.mp3\n{web.url}/cats.vtt\n"
    )
    with started(data_dir, "batch", str(links)) as process:
        deadline = time.monotonic() + 60
        while not web.requests["/slow.mp3"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"autointel batch {links} --resume" in err.replace("\n", " ")
    assert {job["status"] for job in answered(data_dir, "jobs", "list")} <= {
        "complete",
        "cancelled",
    }
    web.busy.add("/slow.mp3")
    told = autointel(data_dir, "batch", str(links), "--resume", "--json")
    statuses = json.loads(told.stdout)["statuses"]
    assert (statuses["complete"], statuses["failed"]) == (2, 1)


def test_what_cannot_be_done_is_said(data_dir: Path, tmp_path: Path) -> None:
    for words, code, reason in (
        (("batch", str(tmp_path / "none.txt")), 3, "cannot be read"),
        (("batch", str(tmp_path), "--resume"), 3, "No batch was begun"),
        (("batch", "-", "--name", "../../x"), 3, "cannot be the name"),
        (("jobs", "show", "nothing"), 3, "No job"),
        (("jobs", "cancel"), 3, "which jobs"),
        (("worker", "--queues", "other"), 5, "no queue called other"),
    ):
        told = autointel(data_dir, *words)
        assert (told.exit_code, reason in told.stderr) == (code, True), (words, told.stderr)
    assert autointel(data_dir, "jobs", "list").exit_code == 0
    assert "autointel batch" in autointel(data_dir, "jobs", "list").stderr
    empty = autointel(data_dir, "batch", "-", given="# nothing\n")
    assert (empty.exit_code, "nothing to do" in empty.stdout) == (0, True)
