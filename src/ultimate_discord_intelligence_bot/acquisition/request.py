"""What the parent asks the downloading process for."""

from __future__ import annotations

from pathlib import Path
from typing import NotRequired, TypedDict

from ..settings import Settings
from .cookies import read_cookies


class Request(TypedDict):
    """What the parent asks for.

    Attributes:
        task: what to do with the link, a key of ``worker.TASKS``.
        folder: existing; everything is written there.
        largest: bytes that may be received.
        longest: seconds the recording may last.
        timeout: seconds without an answer after which a connection is given up.
        language: wanted captions, ISO 639 code.
        allowed_hosts: as the setting has it.
        proxy: as the setting has it.
        cookies: text of a cookies file.
        rate: most bytes per second; 0 for no limit.
        last: whether no other attempt follows.
        register: folder and tenant of the recordings that are known; None to ignore them.
    """

    task: str
    url: str
    folder: str
    largest: int
    longest: float
    timeout: float
    language: str | None
    allowed_hosts: str
    proxy: str | None
    cookies: str | None
    rate: int
    last: NotRequired[bool]
    register: NotRequired[tuple[str, str] | None]


class ListRequest(Request):
    """A request for a list.

    Attributes:
        limit: how many recordings are wanted.
        since: the first day that is wanted, ISO 8601.
    """

    limit: int | None
    since: str | None


def request_for(task: str, url: str, folder: Path, settings: Settings) -> Request:
    """A request under the settings of a run.

    Raises:
        SettingsError: the cookies cannot be used.
    """
    return {
        "task": task,
        "url": url,
        "folder": str(folder),
        "largest": settings.max_download_mb * 1_000_000,
        "longest": settings.max_duration_hours * 3600,
        "timeout": settings.network_timeout,
        "language": settings.language,
        "allowed_hosts": settings.allowed_hosts,
        "proxy": settings.proxy,
        "cookies": read_cookies(settings.cookies_file) if settings.cookies_file else None,
        "rate": settings.rate_limit_kb * 1000,
    }
