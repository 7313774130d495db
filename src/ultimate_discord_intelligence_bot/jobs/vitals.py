"""How the jobs and the memory stand, looked at from time to time: for metrics and health checks."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import bindparam, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from ..closing import Closing
from ..memory.condition import condition_of
from ..memory.servers import Servers
from ..metrics import Metrics
from ..monitor import Check, Probe
from ..redaction import Redactor
from ..settings import Settings
from .database import QUEUES, is_local, unreachable, url_of
from .lease import alive

_JOBS_EVERY_S, _MEMORY_EVERY_S = 5.0, 15.0

_PATIENCE_S = 5

_STATES = {"ENQUEUED": "waiting", "PENDING": "running"}

_BACKLOG = """
SELECT queue_name, status, count(*), min(created_at) FROM {schema}workflow_status
WHERE queue_name IN :queues AND status IN ('ENQUEUED', 'PENDING') GROUP BY queue_name, status
"""


class Vitals(Closing):
    """Looks at the database and the memory in threads of its own, and keeps the metrics right.

    Args:
        settings: name the database and the memory.
        metrics: are told what is seen.

    Attributes:
        checks: what is wrong, by what it is wrong with; without secrets.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._servers = Servers.of(settings)
        self._query = text(_BACKLOG.format(schema="" if is_local(settings) else "dbos."))
        self._query = self._query.bindparams(bindparam("queues", QUEUES, expanding=True))
        # A connection for each look: one that hangs keeps nobody else from looking.
        self._engine = create_engine(
            url_of(settings), poolclass=NullPool, connect_args=_patience(settings)
        )
        self._probes = {
            "database": Probe("vitals-jobs", self._look_at_jobs, every=_JOBS_EVERY_S),
            "memory": Probe("vitals-memory", self._look_at_memory, every=_MEMORY_EVERY_S),
        }
        redacted = Redactor.of(settings)
        self.checks: dict[str, Check] = {
            name: _redacted(probe.problem, redacted) for name, probe in self._probes.items()
        }

    def close(self) -> None:
        """Look no more."""
        for probe in self._probes.values():
            probe.close()
        self._engine.dispose()

    def _look_at_jobs(self) -> None:
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(self._query).all()
        except SQLAlchemyError as error:
            raise unreachable(self._settings, error) from error
        counts = {(queue, _STATES[status]): count for queue, status, count, _ in rows}
        oldest = {queue: at for queue, status, _, at in rows if status == "ENQUEUED"}
        now = 1000 * time.time()
        for queue in QUEUES:
            for state in _STATES.values():
                self._metrics.set(
                    "autointel_queue_jobs", counts.get((queue, state), 0), queue, state
                )
            waited = max(0.0, now - oldest.get(queue, now)) / 1000
            self._metrics.set("autointel_queue_oldest_waiting_seconds", waited, queue)
        self._metrics.set("autointel_workers_alive", alive(self._settings))

    def _look_at_memory(self) -> None:
        found = condition_of(self._settings.data_dir, self._servers)
        self._metrics.set("autointel_outbox_writes", found.unconfirmed)
        for store, size in found.bytes.items():
            self._metrics.set("autointel_store_bytes", size, store)
        if is_local(self._settings):
            files = self._settings.data_dir.glob("jobs.sqlite*")
            size = sum(512 * path.lstat().st_blocks for path in files)
            self._metrics.set("autointel_store_bytes", size, "jobs")


def _patience(settings: Settings) -> dict[str, Any]:
    if is_local(settings):
        return {"timeout": _PATIENCE_S}
    return {
        "application_name": "autointel-vitals",
        "connect_timeout": _PATIENCE_S,
        "tcp_user_timeout": 1000 * _PATIENCE_S,
        "options": f"-c statement_timeout={1000 * _PATIENCE_S}",
    }


def _redacted(check: Check, redactor: Redactor) -> Check:
    def told() -> str | None:
        problem = check()
        return None if problem is None else redactor.text(problem)

    return told
