"""Nothing leaves the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AUTOINTEL = Path(sys.executable).with_name("autointel")

WATCHED = """
import sys

def refuse(event, args):
    if event == "socket.connect" and isinstance(args[1], str):
        return  # a Unix socket, on this machine
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        raise RuntimeError(f"network access: {event} {args}")

sys.addaudithook(refuse)
"""


def _watched(code: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WATCHED + code],
        env=os.environ | {"AUTOINTEL_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.mark.parametrize(
    "module", ["autonomous_orchestrator", "crew_builders", "stages", "cli", "cli.run", "cli.doctor"]
)
def test_no_module_touches_the_network_when_it_is_imported(module: str, data_dir: Path) -> None:
    done = _watched(f"import ultimate_discord_intelligence_bot.{module}", data_dir)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_connects_to_nothing_at_all(data_dir: Path, debate: Path) -> None:
    code = (
        "from ultimate_discord_intelligence_bot.cli import app\n"
        f"app(['run', {str(debate)!r}, '--depth', 'experimental'])\n"
    )
    done = _watched(code, data_dir)
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout


def _can_cut_off() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-rn", "true"]).returncode == 0


@pytest.mark.skipif(not _can_cut_off(), reason="needs network namespaces (unshare -rn)")
def test_the_demo_needs_no_network(tmp_path: Path) -> None:
    """The demo in a copy of the checkout, on a machine without any network interface."""
    for name in ("examples", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    done = subprocess.run(
        ["unshare", "-rn", "scripts/demo.sh"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{AUTOINTEL.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo-report" / "report.html").stat().st_size > 100_000
    assert "#t=" in done.stdout
