"""Which recording a reader means."""

from __future__ import annotations

from ..acquisition import parse_locator
from ..errors import InputError, RunUnknown
from ..memory import Memory
from ..runs import Run
from ..settings import Settings


async def recording_id(memory: Memory, settings: Settings, name: str) -> str:
    """The id of the one remembered recording that an id, a link, a file or a title names.

    An id may be shortened; a title is compared without regard to case.

    Raises:
        RunUnknown: it is none, or several.
    """
    names = await memory.names(settings.tenant)
    if (linked := _id_of_link(settings, name)) in names:
        return linked
    wanted = _folded(name)
    found = [id_ for id_, some in names.items() if wanted in map(_folded, some)]
    found = found or [id_ for id_ in names if wanted and id_.startswith(wanted)]
    if len(found) != 1:
        how_many = "No recording is" if not found else f"{len(found)} recordings are"
        raise RunUnknown(
            f"{how_many} called “{name}”.",
            "Give its link, its title, or its id as its briefing names it.",
        )
    return found[0]


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _id_of_link(settings: Settings, name: str) -> str:
    try:
        return Run(parse_locator(name, allow_files=True), settings.depth, settings).id
    except InputError:
        return ""
