"""Getting hold of a recording, wherever it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..events import Progress
from ..models.media import Acquisition
from ..runs import Run
from .download import OnGrowing, download
from .localfile import read_file


async def acquire(run: Run, progress: Progress, growing: OnGrowing | None = None) -> Acquisition:
    """Fetch or find the media and captions of a run's input, and what is known about them.

    A local file stays where it is; a download lands in ``run.media_folder``. A recording that was
    downloaded before, under whatever link, is not downloaded again: what is returned then is what
    was returned then, with the same ``source.id``. Cancelling ends a download at once.

    Args:
        run: its input, settings and folder.
        progress: told how far it is.
        growing: called once, on the event loop, when a recording without captions has begun to be
            written to a file that can be read while it grows. When the download has to begin
            anew, that file is removed and another one of the same name is written.

    Raises:
        SettingsError: a setting that is needed here cannot be used.
        InputError: the input is not what it seems: missing, empty, damaged, no media.
        NoAudio: there is neither sound nor captions.
        AcquisitionError: the link did not lead to media.
        StorageError: the disk is full or cannot be written to.
    """
    if run.locator.kind == "web":
        return await download(run, progress, growing)
    progress(None, "reading the file")
    path = Path(run.locator.value)
    longest = run.settings.max_duration_hours * 3600
    return await asyncio.to_thread(read_file, path, run.source_id, longest)
