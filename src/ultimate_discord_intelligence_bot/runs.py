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
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import structlog

from .bucket import Bucket
from .critical_path import Profile
from .errors import RunUnknown, StorageError, storage_error
from .models.artifact import Artifact, Storable
from .models.media import Acquisition, CaptionFile, Locator, MediaFile
from .settings import SECRETS, Depth, Settings

_NAMESPACE = uuid.UUID("5b0f6f0e-7a55-4d6c-9a0e-6d2f0c1f8a11")
_S = TypeVar("_S", bound=Storable)
OF_THE_MOMENT = {"data_dir", "proxy", "cookies_file", "retention_days", *SECRETS}
OF_THE_MOMENT |= {"concurrent_runs", "runs_per_host", "gpu_queue", "job_days"}
OF_THE_MOMENT |= {"memory_mb"}
OF_THE_MOMENT |= {"artifacts_url", "qdrant_url", "neo4j_uri", "neo4j_user", "neo4j_database"}
OF_THE_MOMENT |= {"llm_base_url", "searxng_url", "wikipedia", "traces_url", "metrics_address"}
OF_THE_MOMENT |= {"discord_user_quota", "discord_guild_quota"}
"""Settings that may change between two runs, or hold a secret."""

LINKS = "links"
"""In a bucket, below a recording, every run that met it under another link leaves a mark."""

PROFILES = "profile"
"""Below a run, the times of its latest run at each depth."""

log = structlog.get_logger(__name__)


def stable_id(*parts: str) -> str:
    """A uuid5 over the parts: the same parts give the same id on every machine."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


def owner_of(tenant: str, source_id: str) -> str:
    """On whose behalf a language model is asked about a recording."""
    return stable_id("owner", tenant, source_id)


def write_atomically(path: Path, data: bytes) -> None:
    """Write so that a reader sees the old file or the whole new one, even after a crash.

    Raises:
        StorageError: disk full or not writable; nothing half-written stays.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which is at the path when all went well and nowhere when not.

    Raises:
        StorageError: disk full or not writable; nothing half-written stays.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                yield file
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
    """The artifacts of one run: files in one folder, which keeps those of a bucket at hand.

    Attributes:
        folder: where artifacts are written, and read.
        shared: where another run of the same recording keeps its own; only read.

    Args:
        folder: of a run, in the folder of all runs.
        bucket: where other machines find them; what is written is there before it is here.
    """

    def __init__(self, folder: Path, bucket: Bucket | None = None) -> None:
        self.folder = folder
        self.shared: Path | None = None
        self._bucket = bucket

    def read(self, stage: str, key: str, kind: type[_S]) -> tuple[_S, str] | None:
        """The artifact and its content digest, or None when it is not there or damaged.

        Raises:
            StorageError: it is there and cannot be read.
            ArtifactsUnreachable: it may be in the bucket, which cannot be had.
        """
        found = self._find(self.folder, stage, key, kind)
        if found is None and self.shared is not None:
            return self._find(self.shared, stage, key, kind)
        return found

    def _find(self, folder: Path, stage: str, key: str, kind: type[_S]) -> tuple[_S, str] | None:
        path = folder / _file_name(stage, key, kind)
        try:
            if (found := self._decode(path.read_bytes(), kind, str(path))) is not None:
                return found
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageError(f"{path} cannot be read ({error.strerror}).") from error
        if self._bucket is None or (data := self._bucket.read(path)) is None:
            return None
        if (found := self._decode(data, kind, f"{path} in {self._bucket.url}")) is not None:
            write_atomically(path, data)
        return found

    def _decode(self, data: bytes, kind: type[_S], where: str) -> tuple[_S, str] | None:
        try:
            artifact = kind.decode(data)
            if self._bucket is not None:
                artifact = _brought_here(artifact, self._bucket.folder)
        except ValueError as error:
            log.warning("artifact_damaged", path=where, reason=str(error)[:200])
            return None
        return artifact, digest(data)

    def write(self, stage: str, key: str, artifact: Storable) -> str:
        """Keep an artifact; returns its content digest.

        Raises:
            StorageError: it could not be kept.
        """
        path = self.folder / _file_name(stage, key, type(artifact))
        if self._bucket is None:
            data = artifact.encode()
        else:
            data = _fit_to_travel(artifact, self._bucket.folder).encode()
            self._bucket.write(path, data)
        write_atomically(path, data)
        return digest(data)


def _file_name(stage: str, key: str, kind: type[Storable]) -> str:
    name = f"{stage}-{key}{kind.suffix}"
    if "/" in name or "\0" in name:
        raise StorageError(f"{name!r} is no name for an artifact.")
    return name


def _fit_to_travel(artifact: Storable, runs: Path) -> Storable:
    """An artifact whose paths lead from the folder of all runs, wherever that is."""
    if not isinstance(artifact, Acquisition):
        return artifact
    home = runs.absolute()

    def place(path: Path) -> Path:
        path = path.absolute()
        return path.relative_to(home) if path.is_relative_to(home) else path

    return artifact.moved(place)


def _brought_here(artifact: _S, runs: Path) -> _S:
    if not isinstance(artifact, Acquisition):
        return artifact

    def place(path: Path) -> Path:
        if not path.is_absolute() and ".." in path.parts:
            raise ValueError(f"{path} leads out of the folder of all runs")
        return runs / path

    return artifact.moved(place)


class RunCard(Artifact):
    """What is needed to do a run again.

    Attributes:
        input: as the user gave it; a file by its absolute path.
        out: absolute folder of the briefing.
        settings: those that the result depends on, by field.
    """

    input: str
    depth: Depth
    out: Path
    settings: dict[str, Any]


class Run:
    """One request to analyse one input.

    The same tenant and locator give the same id and folder, at whatever depth, so that work done
    before is found again.

    Attributes:
        id: a uuid.
        source_id: id of the recording in memory: that of the run that first met it.
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
        self.id = stable_id("source", self.tenant, locator.kind, locator.value)
        self.source_id = self.id
        self.folder = self._runs / self.id
        self._bucket = Bucket.of(settings)
        self.artifacts = ArtifactStore(self.folder / "artifacts", self._bucket)
        self.media_folder = self.folder / "media"

    def meet(self, source_id: str) -> None:
        """Learn that the recording was met before, under another link, by the run of that id.

        From now on its memory is meant, its speakers have their names, and what that run has
        finished is not done again.
        """
        if source_id != self.id:
            self.source_id = source_id
            self.artifacts.shared = self._source_folder / "artifacts"

    async def share(self, acquired: Acquisition) -> None:
        """Give other machines the files of an acquisition; those outside of the data folder stay.

        Raises:
            ArtifactsUnreachable: the bucket cannot be had.
        """
        if self._bucket is None:
            return
        await self._leave_mark(self._bucket, acquired)
        for file in self._that_travel(acquired):
            await self._bucket.send(file.path, file.path)

    async def bring(self, acquired: Acquisition) -> None:
        """Fetch the files of an acquisition that another machine made, as far as they are there.

        Raises:
            ArtifactsUnreachable: the bucket cannot be had.
            StorageError: disk full or not writable.
        """
        if self._bucket is None:
            return
        await self._leave_mark(self._bucket, acquired)
        for file in self._that_travel(acquired):
            if not file.path.exists():
                try:
                    await self._fetch(self._bucket, file)
                except ValueError as error:
                    log.warning("file_not_fetched", path=str(file.path), reason=str(error))

    async def publish(self, files: Iterable[Path]) -> None:
        """Give other machines the files of the briefing.

        Raises:
            ArtifactsUnreachable: the bucket cannot be had.
        """
        if self._bucket is not None:
            place = self.folder / "briefing" / self.depth
            await asyncio.gather(*(self._bucket.send(place / file.name, file) for file in files))

    async def _leave_mark(self, bucket: Bucket, acquired: Acquisition) -> None:
        """Whoever forgets the recording finds this run by it."""
        if acquired.source.id != self.id:
            mark = self._runs / acquired.source.id / LINKS / self.id
            await asyncio.to_thread(bucket.write, mark, b"")

    def _that_travel(self, acquired: Acquisition) -> list[MediaFile | CaptionFile]:
        return [file for file in acquired.files if file.path.is_relative_to(self._runs)]

    async def _fetch(self, bucket: Bucket, file: MediaFile | CaptionFile) -> None:
        """Fetch a file; a ValueError says that it is not there, or is another one."""
        size, content = 0, hashlib.sha256()
        with replacing(file.path) as copy:
            async for piece in bucket.fetch(file.path):
                size += len(piece)
                if isinstance(file, MediaFile) and size > file.size:
                    raise ValueError("it is longer than it was")
                content.update(piece)
                copy.write(piece)
            if content.hexdigest() != file.sha256:
                raise ValueError("it is not what it was" if size else "it is not there")

    @property
    def _runs(self) -> Path:
        return self.settings.data_dir / "runs"

    @property
    def _source_folder(self) -> Path:
        return self._runs / self.source_id

    def leave_card(self, out: Path) -> None:
        """Tell where the briefing is, for whoever comes back to this run."""
        card = RunCard(
            input=self.locator.value,
            depth=self.depth,
            out=out.absolute(),
            settings=self.settings.model_dump(mode="json", exclude=OF_THE_MOMENT),
        )
        write_atomically(self.folder / "run.json", card.encode())

    def leave_profile(self, profile: Profile) -> None:
        """Keep the times of the run, in place of those of an earlier one at its depth.

        Raises:
            StorageError: they could not be written.
        """
        path, data = self.folder / PROFILES / f"{self.depth}.json", profile.encode()
        write_atomically(path, data)
        if self._bucket is not None:
            self._bucket.write(path, data)

    @property
    def speaker_names(self) -> dict[str, str]:
        """Names that the user gave to speakers, by their label in the transcript."""
        path = self._source_folder / "speakers.json"
        try:
            data = None
            if self._bucket is not None:
                data = self._bucket.read(path)
            names = json.loads(path.read_bytes() if data is None else data)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StorageError(
                f"The names of the speakers cannot be read ({error}).",
                "Give them again with `autointel speakers`.",
            ) from error
        return {str(label): str(name) for label, name in names.items()}

    def name_speakers(self, names: Mapping[str, str]) -> None:
        """Keep the names of speakers, by label; the ones kept before are forgotten.

        Raises:
            StorageError: they could not be written.
        """
        data = json.dumps(names, ensure_ascii=False, indent=1).encode()
        path = self._source_folder / "speakers.json"
        if self._bucket is not None:
            self._bucket.write(path, data)
        write_atomically(path, data)

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


def find_card(settings: Settings, name: str) -> RunCard:
    """The card of the tenant's finished run whose id begins with a name.

    Raises:
        RunUnknown: no run has such an id, or several have.
    """
    found = [
        _card(path)
        for path in (settings.data_dir / "runs").glob("*/run.json")
        if path.parent.name.startswith(name)
    ]
    cards = [card for card in found if card.settings.get("tenant") == settings.tenant]
    if len(cards) != 1:
        how_many = "No finished run has" if not cards else f"{len(cards)} runs have"
        raise RunUnknown(f"{how_many} an id that begins with “{name}”.")
    return cards[0]


def _card(path: Path) -> RunCard:
    try:
        return RunCard.decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path} cannot be read ({error}).", "Repeat `autointel run` for it."
        ) from error


def find_profile(settings: Settings, name: str, depth: Depth | None = None) -> Profile:
    """The times of the tenant's run whose id begins with a name, however it ended.

    Args:
        settings: name the tenant, the data folder and the bucket.
        name: a whole id is looked up in the bucket as well, where other machines leave theirs.
        depth: by default the one that was run last.

    Raises:
        RunUnknown: no run has such an id, or several have.
    """
    runs, bucket = settings.data_dir / "runs", Bucket.of(settings)
    files = f"{depth or '*'}.json"
    here = [p for p in runs.glob(f"*/{PROFILES}/{files}") if p.parts[-3].startswith(name)]
    profiles = [_profile(path, path.read_bytes) for path in here]
    if bucket is not None and len(name) == len(str(_NAMESPACE)):
        folder = runs / name / PROFILES
        there = [folder / each for each in bucket.names(folder) if fnmatch(each, files)]
        profiles += [_profile(path, partial(bucket.read, path)) for path in there]
    profiles = [profile for profile in profiles if profile.tenant == settings.tenant]
    ids = {profile.run_id for profile in profiles}
    if len(ids) != 1:
        how_many = "No run that has ended has" if not ids else f"{len(ids)} runs have"
        at = f" at the depth {depth}" if depth else ""
        raise RunUnknown(f"{how_many} an id that begins with “{name}”{at}.")
    return max(profiles, key=lambda profile: profile.ended_at)


def _profile(path: Path, read: Callable[[], bytes | None]) -> Profile:
    try:
        return Profile.decode(read() or b"")
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path} cannot be read ({error}).", "Repeat `autointel run` for it."
        ) from error
