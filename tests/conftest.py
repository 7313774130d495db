"""Every test runs off the network, in an empty folder, with default settings."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent
OFFLINE = Path(__file__).parent / "offline"

if "AUTOINTEL_TEST_ATTEMPTS" not in os.environ:
    descriptor, name = tempfile.mkstemp(prefix="network-attempts-")
    os.close(descriptor)
    os.environ["AUTOINTEL_TEST_ATTEMPTS"] = name
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, (str(OFFLINE), os.environ.get("PYTHONPATH")))
)
for variable in [
    v
    for v in os.environ
    if v.startswith(("AUTOINTEL_", "DISCORD_", "ENABLE_", "NEO4J_", "QDRANT_"))
] + [v for v in os.environ if v.endswith("_API_KEY")]:
    if not variable.startswith("AUTOINTEL_TEST_"):
        del os.environ[variable]

# The hosts of the tests are on loopback, which links must not lead to otherwise.
os.environ["AUTOINTEL_ALLOWED_HOSTS"] = "127.0.0.1"
os.environ["AUTOINTEL_WIKIPEDIA"] = "off"

import tests.offline.sitecustomize  # noqa: E402, F401


def pytest_xdist_auto_num_workers() -> int:
    """Twice the cores: many tests wait for processes, servers and clocks."""
    return 2 * (os.cpu_count() or 1)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session when anything tried to leave this machine."""
    attempts = Path(os.environ["AUTOINTEL_TEST_ATTEMPTS"])
    if hasattr(session.config, "workerinput") or not attempts.exists():
        return
    seen = attempts.read_text()
    attempts.unlink()
    if seen:
        print(f"\nThe tests tried to reach the network:\n{seen}", file=sys.stderr)
        session.exitstatus = 1


@pytest.fixture(autouse=True)
def _empty_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return load_settings(AUTOINTEL_DATA_DIR=data_dir)


@pytest.fixture
def debate() -> Path:
    """The sample debate, with its captions beside it."""
    return ROOT / "examples" / "debate.opus"
