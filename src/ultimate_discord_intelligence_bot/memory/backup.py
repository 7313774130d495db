"""The memory of all tenants as one folder: a bundle for each, and a card that names them."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from datetime import datetime
from pathlib import Path

from ..errors import BundleInvalid, NotWritable, StorageError, storage_error
from ..models.artifact import Model
from ..runs import sync_folder, write_atomically
from .bundle import Manifest, read_bundle, read_manifest, write_bundle
from .memory import Memory

FORMAT = 1
_CARD = "backup.json"
_REMEDY = "Use another copy of it, or make it anew."


class Bundle(Model):
    """One tenant in a backup.

    Attributes:
        file: name of its bundle in the folder.
        sha256: of that file.
    """

    tenant: str
    file: str
    sha256: str


class Backup(Model):
    """The card of a backup."""

    format: int
    made: datetime
    bundles: tuple[Bundle, ...]


async def back_up(memory: Memory, folder: Path) -> tuple[Manifest, ...]:
    """Write the memory of every tenant to a new folder.

    It grows beside its place and moves there whole.

    Args:
        memory: nobody should write to it meanwhile.
        folder: must not be there yet, or be empty.

    Returns:
        What is in it, tenant by tenant.

    Raises:
        NotWritable: the folder holds something already.
        StorageError: it cannot be written.
    """
    beside = await asyncio.to_thread(_begun, folder)
    manifests, bundles = [], []
    try:
        for number, tenant in enumerate(await memory.tenants()):
            file = beside / f"{number:04d}.zip"
            manifests.append(
                await write_bundle(
                    file, memory.export(tenant), tenant, memory.embedder, memory.dimension
                )
            )
            checksum = await asyncio.to_thread(_checksum, file)
            bundles.append(Bundle(tenant=tenant, file=file.name, sha256=checksum))
        card = Backup(format=FORMAT, made=datetime.now().astimezone(), bundles=tuple(bundles))
        await asyncio.to_thread(_end, beside, card, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return tuple(manifests)


def _begun(folder: Path) -> Path:
    """An empty folder beside the place of the backup."""
    beside = folder.with_name(f".{folder.name}.part")
    try:
        if folder.exists() and any(folder.iterdir()):
            raise NotWritable(f"{folder} is not empty.", "Name a folder that is not there yet.")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    return beside


def _end(beside: Path, card: Backup, folder: Path) -> None:
    write_atomically(beside / _CARD, card.model_dump_json(indent=1).encode())
    try:
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(error, folder) from error


async def restore(memory: Memory, folder: Path) -> tuple[Manifest, ...]:
    """Let the memory hold exactly what a backup holds, and compare it afterwards.

    What was remembered since is forgotten. All bundles are compared with their checksums before
    the first change. Broken off, it is to be repeated.

    Returns:
        What is remembered now, tenant by tenant.

    Raises:
        BundleInvalid: it is no backup, damaged, or of another embedder; nothing was changed.
        StorageError: a store does not hold what it should.
    """
    card = await asyncio.to_thread(_checked, folder)
    manifests = tuple(read_manifest(folder / bundle.file) for bundle in card.bundles)
    for manifest in manifests:
        require_same_embedder(manifest, memory)
    for manifest, bundle in zip(manifests, card.bundles, strict=True):
        await take_all(memory, folder / bundle.file, manifest)
    for tenant in await memory.tenants():
        kept = {e.source_id for m in manifests if m.tenant == tenant for e in m.sources}
        for source_id in await memory.remembered(tenant):
            if source_id not in kept:
                await memory.forget(tenant, source_id)
    for manifest in manifests:
        await _compare(memory, manifest)
    return manifests


async def take_all(memory: Memory, path: Path, manifest: Manifest) -> None:
    """Remember everything that a bundle holds."""
    again = []
    for portion in read_bundle(path):
        await memory.take(manifest.tenant, portion)
        if portion.graph is not None and portion.graph.links:
            again.append(portion.source_id)
    # Links between sources hold only when both are there: the second time all of them are.
    for portion in read_bundle(path) if again else ():
        if portion.graph is not None and portion.source_id in again:
            await memory.remember_graph(portion.graph)


def require_same_embedder(manifest: Manifest, memory: Memory) -> None:
    """Refuse vectors that the memory could not compare with its own.

    Raises:
        BundleInvalid: they are of another embedder.
    """
    if (manifest.embedder, manifest.dimension) != (memory.embedder, memory.dimension):
        raise BundleInvalid(
            f"It holds vectors of {manifest.embedder} ({manifest.dimension} numbers each), not of "
            f"{memory.embedder} ({memory.dimension}).",
            "Restore it with the version that wrote it, then run `autointel memory reembed`.",
        )


async def _compare(memory: Memory, manifest: Manifest) -> None:
    problems = [
        f"{found.title or found.source_id}: {found.problem}"
        for found in await memory.check(manifest.tenant)
    ]
    for entry in manifest.sources:
        held = await memory.extent(manifest.tenant, entry.source_id)
        if held != (entry.records, entry.nodes):
            problems.append(f"{entry.title}: {held} records and nodes, not what it held")
    if problems:
        raise StorageError(
            f"The memory is not what the backup was: {'; '.join(problems[:5])}.",
            "Repeat the command; if it happens twice, report it.",
        )


def _checked(folder: Path) -> Backup:
    """The card of a backup, all of whose bundles are what they were."""
    try:
        card = Backup.model_validate_json((folder / _CARD).read_bytes())
    except FileNotFoundError:
        raise BundleInvalid(
            f"{folder} is no backup: it has no {_CARD}.", "Check the path."
        ) from None
    except ValueError as error:
        raise BundleInvalid(f"{folder / _CARD} cannot be read.", _REMEDY) from error
    except OSError as error:
        raise StorageError(f"{folder} cannot be read ({error.strerror}).") from error
    if card.format != FORMAT:
        raise BundleInvalid(
            f"{folder} has format {card.format}; this version reads {FORMAT}.",
            "Use the version that wrote it.",
        )
    for bundle in card.bundles:
        path = folder / bundle.file
        if Path(bundle.file).name != bundle.file or not path.is_file():
            raise BundleInvalid(f"{folder} is not whole: {bundle.file} is missing.", _REMEDY)
        if _checksum(path) != bundle.sha256:
            raise BundleInvalid(f"{path} is not what it was.", _REMEDY)
    return card


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
