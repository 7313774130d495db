"""CrewAI is imported without what it need not have."""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.llm.quiet import _Absent


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
