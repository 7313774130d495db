"""A run and its folder of artifacts.

An artifact is named by its stage and by a hash of what it was made from, so one file is at once
the result, the cache entry and the resume mark.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog

from .errors import StorageError, storage_error
from .models.artifact import Storable
from .models.media import Locator
from .settings import Depth, Settings

_NAMESPACE = uuid.UUID("5b0f6f0e-7a55-4d6c-9a0e-6d2f0c1f8a11")
_S = TypeVar("_S", bound=Storable)

log = structlog.get_logger(__name__)


def stable_id(*parts: str) -> str:
    """A uuid5 over the parts: the same parts give the same id on every machine."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


def write_atomically(path: Path, data: bytes) -> None:
    """Write so that a reader sees the old file or the whole new one, even after a crash.

    Raises:
        StorageError: disk full or not writable; nothing half-written stays.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error


def sync_folder(folder: Path) -> None:
    """Make sure that what was renamed in a folder stays renamed after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(data: bytes) -> str:
    """Short content hash, 16 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:16]


def artifact_key(stage: str, version: int, made_from: Mapping[str, Any]) -> str:
    """Name of the artifact that a stage makes from these inputs and parameters."""
    return digest(json.dumps([stage, version, made_from], sort_keys=True, default=str).encode())


class ArtifactStore:
    """The artifacts of one run, as files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, stage: str, key: str, kind: type[_S]) -> tuple[_S, str] | None:
        """The artifact and its content digest, or None when it is not there or damaged."""
        path = self._path(stage, key, kind)
        try:
            data = path.read_bytes()
            return kind.decode(data), digest(data)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{path} cannot be read ({error.strerror}).") from error
        except ValueError as error:
            log.warning("artifact_damaged", path=str(path), reason=str(error)[:200])
            return None

    def write(self, stage: str, key: str, artifact: Storable) -> str:
        """Keep an artifact; returns its content digest."""
        data = artifact.encode()
        write_atomically(self._path(stage, key, type(artifact)), data)
        return digest(data)

    def _path(self, stage: str, key: str, kind: type[Storable]) -> Path:
        return self.folder / f"{stage}-{key}{kind.suffix}"


class Run:
    """One request to analyse one input.

    The same tenant and locator give the same id and folder, at whatever depth, so that work done
    before is found again.

    Attributes:
        id: e.g. ``8b0c1d2e``-style uuid.
        source_id: id of the recording in memory.
        settings: snapshot taken when the run began.
        fresh: ignore artifacts that are there already.
    """

    def __init__(
        self, locator: Locator, depth: Depth, settings: Settings, *, fresh: bool = False
    ) -> None:
        self.locator = locator
        self.depth = depth
        self.settings = settings
        self.fresh = fresh
        self.tenant = settings.tenant
        self.id = stable_id("run", self.tenant, locator.kind, locator.value)
        self.source_id = stable_id("source", self.tenant, locator.kind, locator.value)
        self.folder = settings.data_dir / "runs" / self.id
        self.artifacts = ArtifactStore(self.folder / "artifacts")
        self.media_folder = self.folder / "media"

    @asynccontextmanager
    async def exclusively(self) -> AsyncIterator[None]:
        """Hold the run's folder; a second run of the same input waits, then finds the work done."""
        path = self.folder / "lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise storage_error(error, path) from error
        try:
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                await asyncio.sleep(0.05)
            yield
        finally:
            os.close(descriptor)
