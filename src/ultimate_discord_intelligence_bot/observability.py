"""Logging: structured, on stderr, with the run id in every line and no secret in any."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import structlog

from .redaction import Redactor

if TYPE_CHECKING:
    from structlog.typing import Processor

    from .settings import Settings


def configure_logging(settings: Settings) -> None:
    """Send our log lines, and those of the libraries from warning on, to stderr.

    Args:
        settings: name the level and the form of the lines, and hold what no line may show.
    """
    threshold = logging.getLevelNamesMapping()[settings.log_level.upper()]
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        Redactor.of(settings),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *chain,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*chain, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


class _Stderr:
    """Whatever ``sys.stderr`` is at each line: it may be replaced while the process runs."""

    def write(self, text: str) -> int:
        return self._now.write(text)

    def flush(self) -> None:
        self._now.flush()

    @property
    def _now(self) -> TextIO:
        return sys.stderr


@contextmanager
def run_context(run_id: str) -> Iterator[None]:
    """Add the run id to every line logged inside, also in tasks and threads started there."""
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        yield
