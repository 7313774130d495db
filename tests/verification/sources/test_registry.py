"""Which sources a run has: what is installed and configured, and what should be but is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ultimate_discord_intelligence_bot.errors import SourceFailed
from ultimate_discord_intelligence_bot.settings import Settings, load_settings
from ultimate_discord_intelligence_bot.verification.sources import (
    EvidenceSource,
    Query,
    Surroundings,
    WebClient,
    open_sources,
    registry,
)
from ultimate_discord_intelligence_bot.verification.sources.source import ENTRY_POINTS

HERE = "ultimate_discord_intelligence_bot.verification.sources"


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.ones((len(texts), 1), np.float32)


def broken(surroundings: Surroundings) -> EvidenceSource:
    raise KeyError("nobody foresaw this")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def install(**values: str) -> None:
        points = [EntryPoint(name, value, ENTRY_POINTS) for name, value in values.items()]

        def entry_points(group: str) -> list[EntryPoint]:
            assert group == ENTRY_POINTS
            return points

        monkeypatch.setattr(registry, "entry_points", entry_points)

    return install


def open_all(settings: Settings, web: WebClient) -> list[EvidenceSource]:
    return open_sources(Surroundings(settings, web), embed, "ones")


def test_what_is_installed_and_configured(
    web: WebClient, installed: Callable[..., None], data_dir: Path
) -> None:
    installed(
        brave=f"{HERE}.brave:open_source",
        tavily=f"{HERE}.tavily:open_source",
        wikipedia=f"{HERE}.wikipedia:open_source",
    )
    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir, TAVILY_API_KEY="k")
    assert [source.name for source in open_all(settings, web)] == ["Tavily", "Wikipedia"]


@pytest.mark.parametrize(
    "value", ["no.such.module:open", f"{HERE}.wikipedia:no_such_name", f"{__name__}:broken"]
)
async def test_a_plug_in_that_does_not_open_is_told_and_harms_no_other(
    settings: Settings, web: WebClient, installed: Callable[..., None], value: str
) -> None:
    installed(bad=value, wikipedia=f"{HERE}.wikipedia:open_source")
    bad, good = open_all(settings, web)
    assert (bad.name, good.name) == ("bad", "Wikipedia")
    with pytest.raises(SourceFailed, match="plug-in bad does not open"):
        await bad.search(Query("x"), 1)


async def test_a_description_that_cannot_be_used_is_told(
    settings: Settings, web: WebClient, installed: Callable[..., None], data_dir: Path
) -> None:
    installed()
    (data_dir / "evidence").mkdir(parents=True)
    (data_dir / "evidence" / "bad.yaml").write_text("openapi: 2.0")
    [bad] = open_all(settings, web)
    with pytest.raises(SourceFailed, match=r"bad\.yaml"):
        await bad.search(Query("x"), 1)


def test_every_source_of_ours_opens(settings: Settings, web: WebClient) -> None:
    from importlib import import_module

    names = ["brave", "exa", "factcheck", "searxng", "serper", "tavily", "wikipedia"]
    for name in names:
        factory: Any = import_module(f"{HERE}.{name}").open_source
        assert factory(Surroundings(settings, web)) is None or name == "wikipedia"
