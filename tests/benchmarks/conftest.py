"""The fixture ``figures``, and what becomes of what it recorded when the session ends.

``--record`` adds the figures to the history and writes the report; ``--new-baseline`` makes the
ratios of this session those that later ones are compared with.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.benchmarks import report
from tests.benchmarks.figures import Figures, Recording, keep_baseline, load_baseline

_RECORDING = pytest.StashKey[Recording]()
_FAILED = pytest.StashKey[set[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="keep and report the figures")
    parser.addoption("--new-baseline", action="store_true", help="compare later ones with these")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RECORDING] = Recording()
    config.stash[_FAILED] = set()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Records what the benchmark measures; fails it where a ratio has regressed."""
    anew = request.config.getoption("--new-baseline", default=False)
    recording = request.config.stash[_RECORDING]
    found = Figures(_name(request.node), recording, None if anew else load_baseline())
    yield found
    if found.regressions:
        pytest.fail("\n".join(found.regressions), pytrace=False)


def _name(test: pytest.Item) -> str:
    return test.nodeid.removeprefix("tests/benchmarks/")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note which tests failed, in whatever part."""
    made = yield
    if made.failed:
        item.config.stash[_FAILED].add(_name(item))
    return made


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the figures of what passed, where that is asked for."""
    option = session.config.getoption
    failed = session.config.stash[_FAILED]
    recording = session.config.stash[_RECORDING].without(failed)
    wanted = option("--record", default=False) or option("--new-baseline", default=False)
    if not wanted or not (recording.comparisons or recording.figures):
        return
    if option("--record", default=False):
        report.record(recording)
    if option("--new-baseline", default=False):
        keep_baseline(recording.ratios)
    report.write()
