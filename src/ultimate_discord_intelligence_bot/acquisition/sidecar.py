"""Caption files: telling them by their content, finding them beside a recording."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileMissing
from .language import TWO_LETTERS, language_tag

SUFFIXES = (".vtt", ".srt", ".ttml", ".json3")
_LANGUAGE = re.compile(r"[A-Za-z]{2}(?:[-_][A-Za-z0-9]{2,8})*")
_TTML = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?tt[\s>]")
_TIMING = re.compile(rb"\d{1,2}:\d{2}[.,]\d{1,3}[ \t]*-->[ \t]*-?\d")
_MOST = 50


@dataclass(frozen=True)
class Sidecar:
    """A caption file and the language its name tells, as a BCP 47 tag."""

    path: Path
    language: str | None


def captions_suffix(path: Path) -> str | None:
    """The suffix for the kind of captions a file holds, judged by how it begins; None for others.

    WebVTT, SRT, TTML and json3 (YouTube's own) are known, in whatever encoding.

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
        return ".vtt"
    if head.startswith(b"<"):
        return ".ttml" if _TTML.search(head) else None
    if head.startswith(b"{"):
        return ".json3" if b'"wireMagic"' in head or b'"tStartMs"' in head else None
    return ".srt" if _TIMING.search(head[:4096]) else None


def language_in(name: str) -> str | None:
    """The language in a name like ``talk.en.vtt``, as a BCP 47 tag."""
    _, dot, tag = Path(name).stem.rpartition(".")
    return _language(tag) if dot else None


def _language(tag: str) -> str | None:
    known = tag.lower() in TWO_LETTERS or _LANGUAGE.fullmatch(tag)
    return language_tag(tag) if known else None


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
