"""From the link of a playlist, channel or feed to the links of its recordings."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import AutointelError, InputError
from ..events import Progress
from ..models.media import Listing, ListItem, Locator
from ..processes import delegate
from ..settings import Settings
from .download import WORKER
from .request import ListRequest, request_for


async def expand(
    locator: Locator,
    settings: Settings,
    progress: Progress,
    *,
    limit: int | None = None,
    since: date | None = None,
) -> Listing | None:
    """List the recordings behind a link, in the order of the site; channels and feeds go back.

    Nothing is downloaded. A list is read only as far as it is wanted, in bounded time, and no
    further than 10,000 recordings when no limit is given. Lists in a list are opened. What cannot
    be used (private, removed, no web address, a place inside the network, the list itself) is
    left out. Whatever is left out or missing is told in ``Listing.notes``.

    Args:
        locator: a web link; a file is one recording.
        settings: limits, proxy, cookies, allowed hosts.
        progress: told how many were found.
        limit: how many to list at most.
        since: list only what was published on that day or later. What the list does not date is
            looked up, one recording after the other; without a date even then it is left out.

    Returns:
        None when the link leads to one recording. A list of one recording is that recording too,
        unless a day is asked for.

    Raises:
        AcquisitionError: in one of its kinds: what the link or the network did wrong.
        InputError: the limit is below 1.
        SettingsError: the cookies cannot be used.
    """
    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit} asks for nothing.", "Give a number from 1 on.")
    if locator.kind != "web":
        return None
    items: list[ListItem] = []

    def take(notice: dict[str, Any]) -> None:
        items.extend(ListItem.model_validate(item) for item in notice["items"])

    with tempfile.TemporaryDirectory(prefix="autointel-") as folder:
        request: ListRequest = {
            **request_for("list", locator.value, Path(folder), settings),
            "limit": limit,
            "since": since.isoformat() if since else None,
        }
        try:
            result = await delegate(WORKER, request, progress, take)
        except AutointelError as error:
            if not items:
                raise
            note = f"The list broke off: {error.message}"
            return Listing(title=None, items=tuple(items), notes=(note,))
    if not result["list"]:
        return None
    return Listing(
        title=result["title"],
        items=tuple(items),
        total=result["total"],
        notes=tuple(result["notes"]),
    )
