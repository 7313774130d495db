"""The security model names modules and tests that exist, and every threat has both."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from ultimate_discord_intelligence_bot.settings import SECRETS, Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "ultimate_discord_intelligence_bot"
PAGE = (ROOT / "docs/analysis/security_model.md").read_text("utf-8")


class Threat(NamedTuple):
    """A row of a table."""

    what: str
    guards: tuple[str, ...]
    tests: tuple[str, ...]


def threats() -> list[Threat]:
    """The rows of all tables that name tests."""
    found = []
    for table in re.findall(r"^\| threat \| guard \| tests \|\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.M):
        for row in table.splitlines():
            what, guards, tests = (cell.strip() for cell in row.strip("|").split("|"))
            found.append(
                Threat(what, *(tuple(re.findall("`([^`]+)`", c)) for c in (guards, tests)))
            )
    return found


THREATS = threats()


@cache
def proofs_in(path: Path) -> dict[str, list[str]]:
    """The tests of a file by their name, with the decorators that they and their class bear."""
    module = ast.parse(path.read_text("utf-8"))
    marks = [
        ast.unparse(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    found: dict[str, list[str]] = {}

    def take(body: list[ast.stmt], prefix: str, marks: list[str]) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                own = marks + [ast.unparse(each) for each in node.decorator_list]
                if isinstance(node, ast.ClassDef):
                    take(node.body, f"{prefix}{node.name}::", own)
                elif node.name.startswith("test_"):
                    found[prefix + node.name] = own

    take(module.body, "", marks)
    return found


def test_there_are_tables() -> None:
    assert PAGE.count("| threat | guard | tests |") >= 8
    assert len(THREATS) > 50
    assert len({threat.what for threat in THREATS}) == len(THREATS)


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.what[:40])
def test_a_threat_has_a_guard_and_tests_that_are_there(threat: Threat) -> None:
    assert threat.guards
    assert threat.tests
    for guard in threat.guards:
        assert (PACKAGE / guard).is_file() or (ROOT / guard).is_file(), guard
    for test in threat.tests:
        file, _, name = test.partition("::")
        path = ROOT / "tests" / file
        assert path.is_file(), test
        assert re.fullmatch(r"test_\w+\.py", path.name), "pytest would not find it"
        found = proofs_in(path)
        assert found if not name else name in found, test


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.what[:40])
def test_no_proof_of_it_is_left_out_of_the_suite(threat: Threat) -> None:
    for test in threat.tests:
        file, _, name = test.partition("::")
        found = proofs_in(ROOT / "tests" / file)
        for each in [name] if name else found:
            marks = " ".join(found[each])
            assert not re.search(r"mark\.(benchmark|skip\b|xfail)", marks), test


def test_every_secret_is_among_what_is_protected() -> None:
    assets = PAGE.partition("## Who is trusted")[0]
    for name in SECRETS:
        alias = Settings.model_fields[name].validation_alias
        assert f"`{alias}`" in assets


def test_the_settings_on_the_page_are_known() -> None:
    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    assert set(re.findall(r"\bAUTOINTEL_[A-Z_]+\b", PAGE)) <= known


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs/analysis").glob("*.md")), ids=lambda p: p.name
)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(\s*([^)\s]+)\s*\)", text):
        if not link.startswith(("http://", "https://", "#")):
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_the_index_names_every_page() -> None:
    folder = ROOT / "docs/analysis"
    index = (folder / "README.md").read_text("utf-8")
    for page in folder.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


@pytest.mark.parametrize(
    "file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.name
)
def test_every_package_is_locked_with_its_hash(file: Path) -> None:
    lines = re.sub(r"\\\n\s*", "", file.read_text()).splitlines()
    packages = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert packages
    for line in packages:
        assert re.match(r"[\w.\[\],-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line
