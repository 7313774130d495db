"""Getting hold of a recording, wherever it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..events import Progress
from ..models.media import Acquisition
from ..runs import Run
from .download import download
from .localfile import read_file


async def acquire(run: Run, progress: Progress) -> Acquisition:
    """Fetch or find the media and captions of a run's input, and what is known about them.

    A local file stays where it is; a download lands in ``run.media_folder``. Cancelling ends a
    download at once.

    Raises:
        InputError: the input is not what it seems: missing, empty, damaged, no media.
        NoAudio: there is neither sound nor captions.
        AcquisitionError: the link did not lead to media.
        StorageError: the disk is full or cannot be written to.
    """
    if run.locator.kind == "web":
        return await download(run, progress)
    progress(None, "reading the file")
    path = Path(run.locator.value)
    longest = run.settings.max_duration_hours * 3600
    return await asyncio.to_thread(read_file, path, run.source_id, longest)
