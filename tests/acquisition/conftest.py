"""The small internet of hosts, for the tests of what a link may lead to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media import make_tone
from tests.visits import Visit
from tests.web_of_hosts import Internet, internet


@pytest.fixture(scope="session")
def tone(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("tone") / "tone.mp3"
    make_tone(path)
    return path.read_bytes()


@pytest.fixture
def hosts(tone: bytes) -> Iterator[Internet]:
    with internet(tone) as online:
        yield online


@pytest.fixture
def visit(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Visit:
    return Visit(data_dir, monkeypatch)
