"""A tenant's memory as one file: to keep it, to move it, to put it back.

A ZIP archive: for each source its records (JSON lines), their vectors (NumPy), its graph and the
verdicts on its claims (JSON), and at the end a manifest with the checksum of every part. Written
and read source by source, so that it needs no more memory than the largest of them. It says
nothing about the stores, so it moves from embedded ones to servers and back.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ..errors import BundleInvalid, StorageError, storage_error
from ..models.artifact import Model
from ..models.graph import Graph
from ..models.memory import Record
from ..models.verification import Verdict
from .identities import Decision

FORMAT = 1
_MANIFEST = "manifest.json"
_DECISIONS = TypeAdapter(tuple[Decision, ...])
_LARGEST_PART = 4 * 1024**3
_DAMAGED = "Export it again, or use another copy of it."


@dataclass(frozen=True)
class Portion:
    """All that is remembered of one source.

    Attributes:
        records: their ``row`` is that in ``vectors``.
        vectors: shape (rows, dimension).
        graph: None where the graph holds nothing of the source.
        verdicts: on its claims, by the words of the claim.
        decisions: what readers have said about its entities.
    """

    source_id: str
    records: tuple[Record, ...]
    vectors: NDArray[np.float32]
    graph: Graph | None
    verdicts: dict[str, Verdict]
    decisions: tuple[Decision, ...] = ()


class Entry(Model):
    """One source in the manifest: its parts, each with its SHA-256."""

    source_id: str
    title: str
    records: int
    nodes: int
    parts: dict[str, str]


class Manifest(Model):
    """What a bundle holds, and whose it is."""

    format: int
    tenant: str
    embedder: str
    dimension: int
    made: datetime
    sources: tuple[Entry, ...]


async def write_bundle(
    path: Path, portions: AsyncIterator[Portion], tenant: str, embedder: str, dimension: int
) -> Manifest:
    """Write a bundle beside its place and move it there whole.

    Raises:
        StorageError: it cannot be written; what was there before is untouched.
    """
    beside = path.with_name(f".{path.name}.part")
    entries: list[Entry] = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            async for portion in portions:
                # What comes twice is the same; whoever takes it in writes its links twice.
                if portion.source_id not in {entry.source_id for entry in entries}:
                    entries.append(_put(archive, len(entries), portion))
            manifest = Manifest(
                format=FORMAT,
                tenant=tenant,
                embedder=embedder,
                dimension=dimension,
                made=datetime.now().astimezone(),
                sources=tuple(entries),
            )
            archive.writestr(_MANIFEST, manifest.model_dump_json(indent=1))
        beside.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        beside.unlink(missing_ok=True)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """What a bundle says that it holds.

    Raises:
        BundleInvalid: it is no bundle, or of a newer format.
    """
    with _opened(path) as archive:
        return _manifest(archive, path)


def read_bundle(path: Path) -> Iterator[Portion]:
    """The sources of a bundle, one at a time, each compared with its checksums.

    Every part is compared before the first is given, so that a damaged bundle changes nothing.

    Raises:
        BundleInvalid: it is damaged; says which part.
    """
    with _opened(path) as archive:
        manifest = _manifest(archive, path)
        for entry in manifest.sources:
            for name, checksum in entry.parts.items():
                if hashlib.sha256(_part(archive, name, path)).hexdigest() != checksum:
                    raise BundleInvalid(f"{path} is damaged: {name} is not what it was.", _DAMAGED)
        for entry in manifest.sources:
            yield _portion(archive, entry, path)


def _put(archive: zipfile.ZipFile, number: int, portion: Portion) -> Entry:
    rows = (record.model_dump_json() for record in portion.records)
    verdicts = {text: v.model_dump(mode="json") for text, v in portion.verdicts.items()}
    vectors = io.BytesIO()
    np.save(vectors, portion.vectors, allow_pickle=False)
    parts = {
        f"{number:06d}/records.jsonl": "\n".join(rows).encode(),
        f"{number:06d}/vectors.npy": vectors.getvalue(),
        f"{number:06d}/verdicts.json": json.dumps(verdicts, ensure_ascii=False).encode(),
    }
    if portion.graph is not None:
        parts[f"{number:06d}/graph.json"] = portion.graph.model_dump_json().encode()
    if portion.decisions:
        parts[f"{number:06d}/decisions.json"] = _DECISIONS.dump_json(portion.decisions)
    for name, data in parts.items():
        archive.writestr(name, data)
    return Entry(
        source_id=portion.source_id,
        title=portion.records[0].title if portion.records else portion.source_id,
        records=len(portion.records),
        nodes=len(portion.graph.nodes) if portion.graph else 0,
        parts={name: hashlib.sha256(data).hexdigest() for name, data in parts.items()},
    )


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise BundleInvalid(f"There is no file {path}.", "Check the path.") from None
    except zipfile.BadZipFile:
        raise BundleInvalid(f"{path} is no bundle, or cut off.", _DAMAGED) from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}).") from error


def _manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    try:
        told = json.loads(_part(archive, _MANIFEST, path))
        if told.get("format") != FORMAT:
            raise BundleInvalid(
                f"{path} has format {told.get('format')}; this version reads {FORMAT}.",
                "Use the version that wrote it.",
            )
        return Manifest.model_validate(told)
    except (ValueError, AttributeError) as error:
        raise BundleInvalid(f"{path} has no manifest that can be read.", _DAMAGED) from error


def _part(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        if archive.getinfo(name).file_size > _LARGEST_PART:
            raise BundleInvalid(f"{name} in {path} claims to be larger than it can be.", _DAMAGED)
        return archive.read(name)
    except (KeyError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise BundleInvalid(
            f"{path} is damaged: {name} is missing or cut off.", _DAMAGED
        ) from error


def _portion(archive: zipfile.ZipFile, entry: Entry, path: Path) -> Portion:
    parts = {name.rpartition("/")[2]: _part(archive, name, path) for name in entry.parts}
    try:
        records = tuple(Record.model_validate_json(row) for row in _lines(parts["records.jsonl"]))
        verdicts: dict[str, Any] = json.loads(parts["verdicts.json"])
        return Portion(
            source_id=entry.source_id,
            records=records,
            vectors=np.load(io.BytesIO(parts["vectors.npy"]), allow_pickle=False),
            graph=Graph.decode(parts["graph.json"]) if "graph.json" in parts else None,
            verdicts={text: Verdict.model_validate(kept) for text, kept in verdicts.items()},
            decisions=_DECISIONS.validate_json(parts.get("decisions.json", b"[]")),
        )
    except (KeyError, ValueError, ValidationError) as error:
        raise BundleInvalid(
            f"{entry.source_id} in {path} cannot be read ({type(error).__name__}).", _DAMAGED
        ) from error


def _lines(data: bytes) -> Sequence[bytes]:
    return [row for row in data.split(b"\n") if row]
