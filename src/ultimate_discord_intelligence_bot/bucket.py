"""A bucket in which several machines keep what their runs make: anything that speaks S3."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, unquote, urlsplit

from .errors import ArtifactsUnreachable, StorageError
from .settings import Settings

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

_LONGEST_KEY = 1024
"""Bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_RETRIES = 8
_PAUSE, _LONGEST_PAUSE = timedelta(seconds=0.4), timedelta(seconds=2)
"""Between two of them, at random; by default all of them may be over after a second."""

_PARTS = 4
"""How many parts of a file are on their way at the same time, 5 MiB each."""

_PIECE = 1 << 20
_REFUSALS = {
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "the key may not do that",
    "InvalidAccessKeyId": "the key is not known there",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "ExpiredToken": "the key has expired",
}
"""The codes of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html that a setting
mends, in our words."""


class Bucket:
    """The part of a bucket that mirrors the folder of all runs.

    An object goes by the path that it has, or would have, in that folder; nothing else can be
    reached. It is there as a whole or not at all. Everything raises ArtifactsUnreachable when the
    bucket cannot be had, after some tries, and StorageError for a path that it cannot hold.

    Attributes:
        url: as the setting names it.
        folder: of all runs.
    """

    def __init__(self, url: str, folder: Path, connect: Callable[[], ObjectStore]) -> None:
        self.url = url
        self.folder = folder
        self._connect = connect
        prefix = url.partition("://")[2].partition("/")[2].strip("/")
        self._root = f"{prefix}/runs" if prefix else "runs"

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """The bucket that the settings name, if any; it is reached for when it is first used."""
        if settings.artifacts_url is None:
            return None
        name = urlsplit(settings.artifacts_url).netloc
        connect = partial(_connect, name, settings.network_timeout)
        return cls(settings.artifacts_url, settings.data_dir / "runs", connect)

    def read(self, path: Path) -> bytes | None:
        """What an object holds, or None when there is none. Blocks."""
        import obstore

        key = self._key(path)
        with self._reached():
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except FileNotFoundError as error:
                _only_the_object(error)
                return None

    def write(self, path: Path, data: bytes) -> None:
        """Keep an object in place of the one that is there; it is durable afterwards. Blocks."""
        import obstore

        key = self._key(path)
        with self._reached():
            obstore.put(self._store, key, data)

    async def send(self, path: Path, file: Path) -> None:
        """Keep what a file holds, however large, as an object.

        Raises:
            StorageError: the file cannot be read.
        """
        import obstore

        key = self._key(path)
        if not os.access(file, os.R_OK):
            raise StorageError(f"{file} cannot be read.")
        with self._reached():
            await obstore.put_async(self._store, key, file, max_concurrency=_PARTS)

    async def fetch(self, path: Path) -> AsyncIterator[bytes]:
        """What an object holds, piece by piece; nothing when there is no such object."""
        import obstore

        key = self._key(path)
        with self._reached():
            try:
                found = await obstore.get_async(self._store, key)
            except FileNotFoundError as error:
                _only_the_object(error)
                return
            async for piece in found.stream(min_chunk_size=_PIECE):
                yield bytes(piece)

    def names(self, folder: Path) -> set[str]:
        """The names of what lies in a folder. Blocks."""
        start = len(self._key(folder)) + 1
        return {unquote(each["path"][start:].partition("/")[0]) for each in self._list(folder)}

    def touched(self, folder: Path) -> datetime | None:
        """When something in a folder was last written; None when it is empty. Blocks."""
        return max((each["last_modified"] for each in self._list(folder)), default=None)

    def remove(self, folder: Path) -> None:
        """Remove a folder with all that it holds. Blocks.

        Raises:
            StorageError: something is still there.
        """
        import obstore

        keys = [each["path"] for each in self._list(folder)]
        if not keys:
            return
        with self._reached():
            obstore.delete(self._store, keys)
        if left := self._list(folder):
            raise StorageError(
                f"{len(left)} objects are still there, such as {left[0]['path']} in {self.url}.",
                "Allow the key to delete objects, and repeat.",
            )

    @cached_property
    def _store(self) -> ObjectStore:
        return self._connect()

    def _list(self, folder: Path) -> list[ObjectMeta]:
        import obstore

        key = self._key(folder)
        with self._reached():
            return [each for page in obstore.list(self._store, key) for each in page]

    def _key(self, path: Path) -> str:
        try:
            parts = path.relative_to(self.folder).parts
            key = "/".join([self._root, *(quote(part, safe="") for part in parts)])
        except ValueError:
            key = ""
        if not key or not parts or ".." in parts or len(key) > _LONGEST_KEY:
            raise StorageError(f"{str(path)[:200]!r} is no path that a bucket can hold.")
        return key

    @contextmanager
    def _reached(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise ArtifactsUnreachable(
                f"The artifacts at {self.url} cannot be reached: {_reason(error)}."
            ) from error


def _connect(name: str, patience: float) -> ObjectStore:
    """Open a bucket with the keys and the endpoint of the environment.

    Args:
        name: of the bucket.
        patience: seconds of silence after which a connection is given up.
    """
    from obstore.store import S3Store

    endpoints = {each: os.environ[each] for each in _ENDPOINTS if each in os.environ}
    for variable, endpoint in endpoints.items():
        if not re.match(r"https?://[^\s/]", endpoint):
            raise ArtifactsUnreachable(
                f"{variable}={endpoint!r} is no address.",
                "Set it to that of your server, such as https://s3.example.org, or remove it to "
                "mean Amazon's own.",
            )
    silence = timedelta(seconds=patience)
    return S3Store(
        name,
        client_options={
            "allow_http": any(each.startswith("http://") for each in endpoints.values()),
            "connect_timeout": silence,
            "read_timeout": 3 * silence,
            "timeout": timedelta(hours=4),
        },
        retry_config={
            "max_retries": _RETRIES,
            "retry_timeout": 3 * silence,
            "backoff": {"init_backoff": _PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2},
        },
    )


def _only_the_object(error: FileNotFoundError) -> None:
    """Tell an object that is not there from a bucket that is not there."""
    if "NoSuchBucket" in str(error):
        raise error


def _reason(error: Exception) -> str:
    """Why, in one short line, from what the store says in many."""
    said, _, details = str(error).partition("Debug source")
    if code := re.search(r"<Code>(\w+)</Code>", said):
        return _REFUSALS.get(code[1], f"the server answers {code[1]}")
    if "169.254." in said:
        return "no key is set, and this machine has no role"
    if "kind: Connect" in details:
        return "there is no connection to the server"
    if "kind: Timeout" in details:
        return "there is no answer in time"
    return " ".join(said.rpartition(" - ")[2].split()).strip(" .")[:200]
