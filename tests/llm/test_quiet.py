"""CrewAI is imported without what it need not have."""

from __future__ import annotations

import gc
import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.llm.quiet import _Absent, _garbage_left


def found(package: str) -> bool:
    """Whether it can be imported here."""
    try:
        importlib.import_module(package)
    except ModuleNotFoundError:
        return False
    del sys.modules[package]
    return True


def test_a_package_is_absent_for_one_thread_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "an_extra.py").touch()
    (tmp_path / "another.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with ThreadPoolExecutor(1) as elsewhere:
        with _Absent("an_extra"):
            assert not found("an_extra")
            assert found("another")
            assert elsewhere.submit(found, "an_extra").result()
        assert found("an_extra")


def test_garbage_is_left_for_a_while_only() -> None:
    before = gc.get_freeze_count()
    with _garbage_left():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > before


def test_who_never_collects_garbage_does_not_afterwards() -> None:
    gc.disable()
    try:
        with _garbage_left():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
