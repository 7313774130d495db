"""Logging: structured, on stderr, with the run id in every line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


def configure_logging(level: str) -> None:
    """Send our log lines, and those of the libraries from warning on, to stderr."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(stream=sys.stderr, level=max(threshold, logging.WARNING), force=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        # Looked up at each line: sys.stderr may be replaced while the process runs.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


@contextmanager
def run_context(run_id: str) -> Iterator[None]:
    """Add the run id to every line logged inside, also in tasks and threads started there."""
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        yield
