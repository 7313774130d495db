"""Other users of the machine can neither read the key of the memory nor reach its socket."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.memory import open_memory
from ultimate_discord_intelligence_bot.memory.ownership import owner_of


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_umask")
def test_the_key_and_the_socket_are_the_user_s_alone_whatever_the_umask(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="test", dimension=8):
        address = owner_of(tmp_path).service
        assert address
        assert mode(tmp_path / "owner.lock") == 0o600
        assert mode(Path(address.path).parent) == 0o700


def test_a_lock_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "owner.lock").touch(0o644)
    (tmp_path / "owner.lock").chmod(0o644)
    with open_memory(tmp_path, embedder="test", dimension=8):
        assert mode(tmp_path / "owner.lock") == 0o600
