"""Recordings that were met before, by their address and by their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from ..models.artifact import Artifact
from ..models.media import Acquisition
from ..runs import write_atomically
from ..settings import Settings

log = structlog.get_logger(__name__)


class _Entry(Artifact):
    """What is known under one name; ``source.id`` names the run that first met the recording."""

    name: str
    acquisition: Acquisition


@dataclass(frozen=True)
class Register:
    """The recordings that one tenant has met, for one wanted language.

    A recording is entered under several names: its canonical address, and the hash of its
    media, or of its captions where there is nothing else.

    Attributes:
        folder: one small file for each name.
        tenant: whose recordings these are.
        language: the language that captions were wanted in, which decides what was fetched.
    """

    folder: Path
    tenant: str
    language: str | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The register that a run with these settings looks into."""
        return cls(settings.data_dir / "known", settings.tenant, settings.language)

    def find(self, name: str) -> Acquisition | None:
        """What was fetched under a name, whether or not its files are still there."""
        path = self._place(name)
        try:
            entry = _Entry.decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("known_recording_damaged", path=str(path), reason=str(error)[:200])
            return None
        return entry.acquisition if entry.name == name else None

    def find_whole(self, name: str) -> Acquisition | None:
        """What was fetched under a name, if its files are still there."""
        found = self.find(name)
        return found if found is not None and is_whole(found) else None

    def enter(self, acquisition: Acquisition, *addresses: str) -> None:
        """Remember a recording under its addresses and the hash of its content.

        Raises:
            StorageError: it could not be written.
        """
        content = acquisition.media or acquisition.captions[0]
        names = {*addresses, acquisition.source.url, content_name(content.sha256)}
        for name in names:
            entry = _Entry(name=name, acquisition=acquisition)
            write_atomically(self._place(name), entry.encode())

    def _place(self, name: str) -> Path:
        whole = "\x1f".join((self.tenant, self.language or "", name))
        return self.folder / f"{hashlib.sha256(whole.encode()).hexdigest()[:32]}.json"


def content_name(sha256: str) -> str:
    """The name of a recording by the hash of its content."""
    return f"sha256:{sha256}"


def is_whole(acquisition: Acquisition) -> bool:
    """Whether all files of an acquisition are still there; sizes are compared, not hashes."""
    media = acquisition.media
    if media is not None:
        try:
            if media.path.stat().st_size != media.size:
                return False
        except OSError:
            return False
    return all(track.path.is_file() for track in acquisition.captions)
