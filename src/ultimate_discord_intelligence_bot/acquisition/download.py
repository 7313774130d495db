"""Downloads, from the parent's side: start the worker, listen, continue what broke off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import (
    AutointelError,
    BotCheck,
    HostUnknown,
    NetworkFailed,
    WorkerDied,
    storage_error,
)
from ..events import Progress
from ..models.media import Acquisition, CaptionFile, Growing, MediaFile, Source
from ..processes import Message, delegate
from ..runs import Run
from ..settings import Settings
from .hosts import turn
from .identity import Register, content_name
from .incoming import bound, claimed, discard, discard_hopeless
from .localfile import caption_title
from .request import Request, request_for
from .sidecar import language_in

WORKER = "ultimate_discord_intelligence_bot.acquisition.worker"

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_PASSING = (NetworkFailed, HostUnknown, BotCheck, WorkerDied)
"""Failures after which the part that is there may be continued, now or by a later run."""

OnGrowing = Callable[[Growing], None]


async def download(run: Run, progress: Progress, growing: OnGrowing | None = None) -> Acquisition:
    """Fetch what a run's link leads to into its media folder, unless it was fetched before.

    A download that breaks off, is cancelled or killed leaves its part, which the next one
    continues if the server proves that it is still the same file.

    Args:
        run: its link, settings and folder.
        progress: told how far it is.
        growing: called once, when a recording without captions has begun to arrive.

    Raises:
        AcquisitionError: in one of its kinds: what the link or the network did wrong.
        InputError: the link leads to a list.
        NoAudio: the video has neither sound nor captions.
        SettingsError: the cookies cannot be used.
        StorageError: it could not be written.
    """
    register = Register.of(run.settings)
    if found := _met_before(run, register, progress):
        return found
    request = _request(run)
    async with turn(run.locator.value, run.settings, progress):
        if found := _met_before(run, register, progress):
            return found
        try:
            async with claimed(Path(request["folder"])):
                return await _fetched(run, register, request, progress, growing)
        finally:
            bound(run.settings)


async def _fetched(
    run: Run, register: Register, request: Request, progress: Progress, growing: OnGrowing | None
) -> Acquisition:
    incoming = Path(request["folder"])
    await asyncio.to_thread(bound, run.settings)
    result = await _arrived(run, request, progress, growing)
    if (known := result.get("known")) is not None:
        discard(incoming)
        return _as_before(run, register, Acquisition.model_validate(known), progress)
    return _admit(run, register, incoming, result, progress)


def _request(run: Run) -> Request:
    register = Register.of(run.settings)
    return {
        **request_for("fetch", run.locator.value, run.media_folder / "incoming", run.settings),
        "register": None if run.fresh else (str(register.folder), register.tenant),
    }


# -- attempts -------------------------------------------------------------------------------------


async def _arrived(
    run: Run, request: Request, progress: Progress, growing: OnGrowing | None
) -> Message:
    """The worker's result; what cannot be continued is thrown away."""
    folder = Path(request["folder"])
    try:
        return await _Attempts(run.settings, progress, growing).result(request)
    except BaseException as error:
        keep = isinstance(error, (*_PASSING, asyncio.CancelledError))
        (discard_hopeless if keep else discard)(folder)
        raise


class _Attempts:
    """One download over all its attempts."""

    def __init__(self, settings: Settings, progress: Progress, growing: OnGrowing | None) -> None:
        self._most = settings.download_retries + 1
        self._progress = progress
        self._growing = growing
        self._begun = False
        self._interrupted: dict[str, Any] | None = None

    async def result(self, request: Request) -> Message:
        """Let a worker try until it has the recording, or until there is no point in it."""
        for attempt in range(1, self._most + 1):
            self._interrupted = None
            try:
                task: Message = {**request, "last": attempt == self._most}
                return await delegate(WORKER, task, self._progress, self._hear)
            except AutointelError as error:
                if attempt == self._most or not self._may_pass(error):
                    raise
                await self._pause(attempt + 1)
        raise AssertionError("the last attempt returns or raises")

    def _hear(self, notice: Message) -> None:
        if "begun" in notice:
            self._begun = True
        if "interrupted" in notice:
            self._interrupted = notice["interrupted"]
        if "growing" in notice and self._growing is not None:
            tell, self._growing = self._growing, None
            tell(Growing(**notice["growing"]))

    def _may_pass(self, error: AutointelError) -> bool:
        if self._interrupted is not None or isinstance(error, WorkerDied):
            return True
        # A worker that was ended because nothing came any more could not say so.
        return self._begun and type(error) in {NetworkFailed, HostUnknown}

    async def _pause(self, attempt: int) -> None:
        """Wait, longer each time, and not as long as everybody else whom the host sent away."""
        interrupted = self._interrupted or {"busy": False, "wait": 0.0}
        grown = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (attempt - 2))
        pause = max(interrupted["wait"], grown * random.uniform(0.5, 1.5))  # noqa: S311
        what = "the host is busy" if interrupted["busy"] else "connection lost"
        self._progress(None, f"{what}, attempt {attempt} of {self._most} in {pause:.0f} s")
        await asyncio.sleep(pause)


# -- recordings that were met before --------------------------------------------------------------


def _met_before(run: Run, register: Register, progress: Progress) -> Acquisition | None:
    found = None if run.fresh else register.find_whole(run.locator.value)
    return found and _as_before(run, register, found, progress)


def _as_before(run: Run, register: Register, found: Acquisition, progress: Progress) -> Acquisition:
    if found.source.id != run.id:
        progress(1.0, f"the same recording as “{found.source.title}”, which is here already")
    register.enter(found, run.locator.value)
    return found


# -- what it brought -----------------------------------------------------------------------------


def _admit(
    run: Run, register: Register, incoming: Path, result: Message, progress: Progress
) -> Acquisition:
    """Move what was downloaded to its place, unless the same content is here under another link."""
    fetched = result["media"]
    address = result["info"]["url"]
    name = content_name(fetched["sha256"])
    before = register.find(address) or register.find(name)
    same = register.find_whole(name)
    if same and not run.fresh and (same.captions or not result["captions"]):
        discard(incoming)
        register.enter(same, address)
        return _as_before(run, register, same, progress)
    source_id = before.source.id if before else run.source_id
    build = _captions_alone if fetched["captions"] else _recording
    acquired = build(run, incoming, result, source_id)
    discard(incoming)
    register.enter(acquired, run.locator.value)
    return acquired


def _recording(run: Run, incoming: Path, result: Message, source_id: str) -> Acquisition:
    info, fetched = result["info"], result["media"]
    duration = info.pop("found_duration")
    info["duration"] = info["duration"] or duration
    captions = tuple(
        CaptionFile(
            path=_keep(incoming / track.pop("file"), run.media_folder),
            **track,
        )
        for track in result["captions"]
    )
    file = incoming / fetched["file"]
    media = MediaFile(
        path=_keep(file, run.media_folder, f"media{file.suffix}"),
        sha256=fetched["sha256"],
        size=fetched["size"],
    )
    return _acquisition(source_id, info, media, captions)


def _captions_alone(run: Run, incoming: Path, result: Message, source_id: str) -> Acquisition:
    """A link that led to captions without their recording."""
    info, fetched = result["info"], result["media"]
    language = language_in(Path(run.locator.value).name)
    info["title"] = caption_title(info["title"], language)
    info["language"] = language
    place = _keep(incoming / fetched["file"], run.media_folder, f"captions{fetched['captions']}")
    track = CaptionFile(path=place, sha256=fetched["sha256"], language=language)
    return _acquisition(source_id, info, None, (track,))


def _acquisition(
    source_id: str,
    info: dict[str, Any],
    media: MediaFile | None,
    captions: tuple[CaptionFile, ...],
) -> Acquisition:
    source = Source(id=source_id, **info)
    return Acquisition(source=source, media=media, captions=captions, acquired_at=datetime.now(UTC))


def _keep(fetched: Path, folder: Path, name: str | None = None) -> Path:
    place = folder / (name or fetched.name)
    try:
        return fetched.replace(place)
    except OSError as error:
        raise storage_error(error, place) from error
