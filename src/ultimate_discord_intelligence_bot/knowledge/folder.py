"""Which files a path leads to."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import FileMissing, InputError
from ..models.knowledge import Refusal
from .documents import KINDS

MOST_FILES = 20_000
"""Documents of one folder."""

_MOST_ENTRIES = 1_000_000


@dataclass
class Files:
    """What a path leads to.

    Attributes:
        paths: the documents, resolved.
        refused: folders that cannot be read.
        skipped: how many other files were passed over, by the fields of ``Skipped``.
    """

    paths: list[Path] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def documents_at(path: Path) -> Files:
    """The file itself, whatever its name; or every document below a folder, in order of path.

    Of the links in a folder none is followed: those that stay inside lead to what is found anyway.

    Raises:
        FileMissing: nothing is there.
        InputError: a folder with too many files.
    """
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileMissing(f"{path} cannot be read ({reason}).") from error
    if not real.is_dir():
        return Files([real])
    found, folders, seen = Files(), [real], 0
    while folders:
        for entry in _entries(folders.pop(), found):
            _sort(entry, real, folders, found)
            seen += 1
            _check_count(seen, len(found.paths), path)
    found.paths.sort()
    return found


def _entries(folder: Path, found: Files) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        reason = f"The folder cannot be read ({error.strerror})."
        found.refused.append(
            Refusal(path=folder, reason=reason, remedy="Check its permissions and add it again.")
        )


def _sort(entry: os.DirEntry[str], root: Path, folders: list[Path], found: Files) -> None:
    if entry.name.startswith("."):
        found.skipped["hidden"] += 1
    elif entry.is_symlink():
        found.skipped["links"] += not _leads_inside(Path(entry.path), root)
    elif entry.is_dir():
        folders.append(Path(entry.path))
    elif Path(entry.name).suffix.lower() in KINDS:
        found.paths.append(Path(entry.path))
    else:
        found.skipped["unknown"] += 1


def _leads_inside(link: Path, root: Path) -> bool:
    try:
        return link.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def _check_count(seen: int, documents: int, path: Path) -> None:
    if documents > MOST_FILES or seen > _MOST_ENTRIES:
        raise InputError(
            f"{path} holds more than {MOST_FILES} documents, or a million files.",
            "Add its folders one by one, only those that are needed.",
        )
