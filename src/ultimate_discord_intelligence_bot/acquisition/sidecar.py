"""Caption files: telling them by their content, finding them beside a recording."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileMissing

SUFFIXES = (".vtt", ".srt")
_LANGUAGE = re.compile(r"[A-Za-z]{2}(?:[-_][A-Za-z0-9]{2,8})*")
# fmt: off
_THREE_LETTERS = {
    "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it",
    "por": "pt", "nld": "nl", "dut": "nl", "rus": "ru", "jpn": "ja", "zho": "zh", "chi": "zh",
}
# fmt: on
_TIMING = re.compile(rb"\d{1,2}:\d{2}[.,]\d{1,3}[ \t]*-->[ \t]*-?\d")
_MOST = 50


@dataclass(frozen=True)
class Sidecar:
    """A caption file and the language its name tells, as a BCP 47 tag."""

    path: Path
    language: str | None


def is_captions(path: Path) -> bool:
    """Whether the beginning of a file reads like WebVTT or SRT, in whatever encoding.

    Raises:
        FileMissing: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64 * 1024)
    except OSError as error:
        raise FileMissing(f"{path} cannot be read ({error.strerror}).") from error
    # Without NUL bytes UTF-16 and UTF-32 read like ASCII.
    head = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe\r\n\t ")
    if head.startswith((b"WEBVTT\n", b"WEBVTT\r", b"WEBVTT ", b"WEBVTT\t")) or head == b"WEBVTT":
        return True
    return _TIMING.search(head[:4096]) is not None


def language_in(name: str) -> str | None:
    """The language in a name like ``talk.en.vtt``, as a BCP 47 tag."""
    _, dot, tag = Path(name).stem.rpartition(".")
    return _language(tag) if dot else None


def _language(tag: str) -> str | None:
    if tag.lower() in _THREE_LETTERS:
        return _THREE_LETTERS[tag.lower()]
    return tag.replace("_", "-") if _LANGUAGE.fullmatch(tag) else None


def sidecars(path: Path) -> tuple[Sidecar, ...]:
    """Caption files with the stem of a recording, such as ``x.vtt``, ``x.srt`` or ``x.en.vtt``.

    A caption file itself has none. At most 50, in order of their names.
    """
    if path.suffix.lower() in SUFFIXES:
        return ()
    found = []
    with os.scandir(path.parent) as entries:
        for entry in entries:
            name = Path(entry.name)
            if name.suffix.lower() not in SUFFIXES or not name.stem.startswith(path.stem):
                continue
            rest = name.stem.removeprefix(path.stem)
            language = _language(rest[1:]) if rest.startswith(".") else None
            if rest and language is None:
                continue
            if entry.is_file() and entry.stat().st_size:
                found.append(Sidecar(path.parent / entry.name, language))
    return tuple(sorted(found, key=lambda sidecar: sidecar.path.name)[:_MOST])
