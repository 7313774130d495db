"""What worker and bot show of themselves, where the settings say so."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..events import BotEvent, Telemetry, telemetry
from ..settings import Settings

if TYPE_CHECKING:
    from ..monitor import Check


class Presence:
    """Whether the bot of this process is connected, as it tells."""

    def __init__(self) -> None:
        self._online: bool | None = None
        telemetry.subscribe(self._hear)

    def problem(self) -> str | None:
        """Why nobody can reach the bot; None when they can."""
        if self._online is None:
            return "The bot has not been connected to Discord yet."
        return None if self._online else "The bot is not connected to Discord."

    def _hear(self, event: Telemetry) -> None:
        if isinstance(event, BotEvent) and event.online is not None:
            self._online = event.online


@contextmanager
def monitored(settings: Settings, checks: dict[str, Check]) -> Iterator[None]:
    """Answer /metrics and /healthz while inside, if ``AUTOINTEL_METRICS_ADDRESS`` is set.

    Args:
        settings: name the address.
        checks: what this process has to say beside how database and memory stand; may be replaced
            later.

    Raises:
        SettingsError: nobody can listen there.
    """
    if settings.metrics_address is None:
        yield
        return
    from ..jobs.vitals import Vitals
    from ..metrics import Metrics
    from ..monitor import Monitor

    metrics = Metrics()
    unfollow = metrics.follow()
    try:
        with (
            Vitals(settings, metrics) as vitals,
            Monitor(settings.metrics_address, metrics, ChainMap(checks, vitals.checks)),
        ):
            yield
    finally:
        unfollow()
