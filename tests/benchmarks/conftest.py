"""The fixture ``figures``, and what becomes of what it recorded when the session ends.

``--record`` adds the figures to the history and writes the report; ``--new-baseline`` makes the
ratios of this session those that later ones are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.benchmarks import report
from tests.benchmarks.figures import Figures, Recording, keep_baseline, load_baseline

_RECORDING = pytest.StashKey[Recording]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="keep and report the figures")
    parser.addoption("--new-baseline", action="store_true", help="compare later ones with these")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RECORDING] = Recording()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Records what the benchmark measures; fails it where a ratio has regressed."""
    anew = request.config.getoption("--new-baseline", default=False)
    test = request.node.nodeid.partition("tests/benchmarks/")[2]
    found = Figures(test, request.config.stash[_RECORDING], None if anew else load_baseline())
    yield found
    if found.regressions:
        pytest.fail("\n".join(found.regressions), pytrace=False)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep the figures where that is asked for and nothing failed."""
    option, recording = session.config.getoption, session.config.stash[_RECORDING]
    wanted = option("--record", default=False) or option("--new-baseline", default=False)
    if exitstatus or not wanted:
        return
    if option("--new-baseline", default=False):
        keep_baseline(recording.ratios)
    if option("--record", default=False):
        report.record(recording)
    report.write()
