"""Services that an OpenAPI description tells about, as sources of evidence.

Which operations fit a statement is found by embedding search over all descriptions at once. What
is sent is only ever the value of a parameter; host, path and operation come from the description.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import SecretStr

from ...errors import SourceFailed
from ...runs import digest, write_atomically
from ...settings import Settings
from .answers import read_answer
from .operations import Link, Operation, Operations, read_operations
from .passages import Document, best_passages, keywords
from .source import Passage, Query, Surroundings
from .web import Key, Service, WebClient

_T = TypeVar("_T")

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors, one row each."""

_PACKAGE = "ultimate_discord_intelligence_bot"
_SUFFIXES = {".yaml", ".yml", ".json"}
_MOST_BYTES = 5 * 1024 * 1024
_CHOSEN = 4
_CALLS = 2
_FOLLOWED = 3
_REMEMBERED = 512

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Description:
    """One service, as its description tells it.

    Attributes:
        base: address that the paths of the operations are added to.
    """

    title: str
    base: str
    key: Key | None
    key_setting: str
    operations: Operations


@dataclass(frozen=True)
class Opened:
    """What came of the descriptions.

    Attributes:
        failures: why a file is no source, by its name.
    """

    sources: list[Api]
    failures: dict[str, SourceFailed]


class Catalogue:
    """The operations of all services, to be found by what they do. Thread-safe.

    Args:
        descriptions: the services.
        embed: as for ``open_sources``.
        embedder: name of the model behind it.
        cache: file that vectors are kept in.
    """

    def __init__(
        self, descriptions: Sequence[Description], embed: Embed, embedder: str, cache: Path
    ) -> None:
        self._embed = embed
        self._places = [(d, row) for d in descriptions for row in d.operations.usable]
        texts = [f"{d.title}: {d.operations.all[row].text}" for d, row in self._places]
        self._vectors = _vectors(texts, embed, embedder, cache)
        self._known: OrderedDict[str, list[int]] = OrderedDict()
        self._lock = threading.Lock()

    def fitting(self, text: str, description: Description) -> list[int]:
        """The operations of one service among those of all that fit a statement best."""
        with self._lock:
            if text not in self._known:
                scores = self._vectors @ self._embed([text])[0]
                self._known[text] = [int(i) for i in np.argsort(-scores, kind="stable")[:_CHOSEN]]
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            best = self._known[text]
        return [self._places[i][1] for i in best if self._places[i][0] is description]


class Api:
    """A service that a description tells about.

    Args:
        web: the way out.
        description: of the service.
        catalogue: of all services.
    """

    def __init__(self, web: WebClient, description: Description, catalogue: Catalogue) -> None:
        self.name = description.title
        self._web = web
        self._description = description
        self._operations = description.operations
        self._catalogue = catalogue
        setting = description.key_setting or f"servers in the description of {self.name}"
        self._service = Service(self.name, setting, description.key)
        # Where the path holds a value, "not found" is about the value.
        self._finder = replace(self._service, nothing=404)

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """As in ``EvidenceSource``; nothing where operations of other services fit better."""
        rows = await asyncio.to_thread(self._catalogue.fitting, query.text, self._description)
        calls = list(self._calls(rows))[:_CALLS]
        found = await self._each([self._call(*call, query) for call in calls])
        documents = [document for each in found for document in each]
        return await asyncio.to_thread(best_passages, documents, query, limit)

    def _calls(self, rows: Sequence[int]) -> Iterator[tuple[int, Link | None, bool]]:
        """Which operation to ask first, which next, and whether that is asked in any case."""
        begun = set()
        for row in rows:
            link = self._operations.links.get(row)
            first = link.producer if link else row
            if first not in begun:
                begun.add(first)
                following = self._operations.followers.get(first, ())
                yield first, link or next(iter(following), None), link is not None

    async def _call(
        self, first: int, link: Link | None, always: bool, query: Query
    ) -> list[Document]:
        operation = self._operations.all[first]
        for text in dict.fromkeys((query.text, keywords(query))):
            answer = await self._ask(operation, {operation.carrier or "": text})
            documents = await self._read(answer)
            if link and (always or not documents):
                documents += await self._follow(link, answer, query)
            if documents:
                return documents
        return []

    async def _follow(self, link: Link, answer: Any, query: Query) -> list[Document]:
        operation = self._operations.all[link.consumer]
        given = {operation.carrier: query.text} if operation.carrier else {}
        answers = await self._each(
            [self._ask(operation, given | values) for values in link.values(answer, _FOLLOWED)]
        )
        return [document for answer in answers for document in await self._read(answer)]

    async def _ask(self, operation: Operation, values: Mapping[str, str]) -> Any:
        request = operation.request(self._description.base, values)
        if request is None:
            return None
        url, params = request
        service = self._finder if "{" in operation.path else self._service
        return await self._web.fetch_json(service, url, object, params=params)

    async def _each(self, asking: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
        """What came of several requests; those that failed are logged unless all did."""
        results = await asyncio.gather(*asking, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in failures:
            if len(failures) == len(results) or not isinstance(failure, SourceFailed):
                raise failure
            log.info("operation_failed", source=self.name, reason=failure.message)
        return [result for result in results if not isinstance(result, BaseException)]

    async def _read(self, answer: Any) -> list[Document]:
        return await asyncio.to_thread(read_answer, answer, self.name, self._description.base)


def open_descriptions(surroundings: Surroundings, embed: Embed, embedder: str) -> Opened:
    """The services whose descriptions are in the evidence folder or come with the package.

    Blocks while the operations are embedded, in one batch; vectors are kept on disk.

    Args:
        surroundings: what the sources may use.
        embed: as for ``open_sources``.
        embedder: name of the model behind it.
    """
    settings = surroundings.settings
    descriptions: list[Description] = []
    failures: dict[str, SourceFailed] = {}
    if settings.evidence_dir and not settings.evidence_dir.is_dir():
        failures["AUTOINTEL_EVIDENCE_DIR"] = SourceFailed(
            f"{settings.evidence_dir} is no folder.", "Correct AUTOINTEL_EVIDENCE_DIR."
        )
    for path in _files(settings):
        try:
            descriptions.append(_read_description(path))
        except SourceFailed as error:
            failures[path.name] = error
    if not descriptions:
        return Opened([], failures)
    for description in descriptions:
        surroundings.web.trust(description.base)
    cache = settings.data_dir / "cache" / f"operations-{digest(embedder.encode())}.npz"
    catalogue = Catalogue(descriptions, embed, embedder, cache)
    apis = [Api(surroundings.web, description, catalogue) for description in descriptions]
    return Opened(apis, failures)


def _files(settings: Settings) -> list[Path]:
    own = settings.evidence_dir or settings.data_dir / "evidence"
    checkout = Path(__file__).parents[4] / "config" / "evidence"
    packaged = Path(str(files(_PACKAGE))) / "config" / "evidence"
    folders = dict.fromkeys((own, packaged if packaged.is_dir() else checkout))
    found = (path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()))
    return [path for path in found if path.suffix.lower() in _SUFFIXES and path.is_file()]


def _read_description(path: Path) -> Description:
    root = _parsed(path)
    if not str(root.get("openapi", "")).startswith("3."):
        raise _unusable(path, "is not an OpenAPI 3 description", "Convert it to OpenAPI 3")
    info = root.get("info")
    title = str(info.get("title") if isinstance(info, dict) else "").strip()[:60] or path.stem
    operations = read_operations(root)
    if not operations.usable:
        raise _unusable(
            path,
            "has no GET operation that takes words to search for",
            "Describe one with a required string parameter such as q",
        )
    key, setting = _key(path, root)
    return Description(title, _base(path, root), key, setting, operations)


def _parsed(path: Path) -> dict[str, Any]:
    import yaml

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _unusable(path, "is larger than 5 MB", "Leave out what is not needed")
        text = path.read_text("utf-8-sig")
        if path.suffix.lower() == ".json":
            root = json.loads(text)
        else:
            root = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})", "Make it readable") from None
    except (ValueError, yaml.YAMLError, RecursionError):
        raise _unusable(path, "is not valid YAML or JSON", "Correct it") from None
    if not isinstance(root, dict):
        raise _unusable(path, "is not an OpenAPI 3 description", "Replace it")
    return root


def _base(path: Path, root: Mapping[str, Any]) -> str:
    servers = root.get("servers")
    server = servers[0] if isinstance(servers, list) and servers else {}
    url = str(server.get("url", "")) if isinstance(server, dict) else ""
    for name, variable in (server.get("variables") or {}).items() if url else ():
        url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"[{}?#@\s]", url):
        raise _unusable(
            path, "names no server with a full address", "Write it as servers: [{url: https://…}]"
        )
    return url.rstrip("/")


def _key(path: Path, root: Mapping[str, Any]) -> tuple[Key | None, str]:
    """The key of a service, from the environment variable that its description names."""
    if "x-autointel-key-env" not in root:
        return None, ""
    variable = str(root["x-autointel-key-env"])
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", variable) or variable in _OURS:
        # A description from somewhere must not collect the key of somebody else.
        raise _unusable(
            path,
            "asks in x-autointel-key-env for a variable that is no key of its own",
            "Give the service a variable such as MY_SERVICE_API_KEY",
        )
    value = os.environ.get(variable, "").strip()
    if not value:
        raise _unusable(path, f"needs a key, and {variable} is not set", f"Set {variable}")
    secret = SecretStr(value)
    match _scheme(root):
        case {"type": "apiKey", "name": str(name), "in": "header" | "query" | "cookie" as place}:
            return Key(secret, name, place), variable
        case {"type": "http", "scheme": str(kind)}:
            return Key(secret, prefix=f"{kind.capitalize()} "), variable
        case {"type": "oauth2" | "openIdConnect"}:
            return Key(secret, prefix="Bearer "), variable
    raise _unusable(
        path, "names a key but no way to send it", "Add a securityScheme of type apiKey or http"
    )


_OURS = {str(field.validation_alias) for field in Settings.model_fields.values()}


def _scheme(root: Mapping[str, Any]) -> Any:
    components = root.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    schemes = schemes if isinstance(schemes, dict) else {}
    wanted = root.get("security")
    names = [name for each in wanted for name in each] if isinstance(wanted, list) else []
    return next((schemes[name] for name in (*names, *schemes) if name in schemes), None)


def _unusable(path: Path, why: str, remedy: str) -> SourceFailed:
    return SourceFailed(f"{path.name} {why}.", f"{remedy}, or remove the file {path}.")


def _vectors(texts: Sequence[str], embed: Embed, embedder: str, cache: Path) -> NDArray[np.float32]:
    """One row for each text; those that are not on disk are embedded in one batch."""
    keys = [digest(f"{embedder}\x1f{text}".encode()) for text in texts]
    known = _kept(cache)
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if missing:
        known |= dict(zip(missing, embed(list(missing.values())), strict=True))
        buffer = io.BytesIO()
        np.savez(buffer, **{key: known[key] for key in keys})  # type: ignore[arg-type]
        write_atomically(cache, buffer.getvalue())
    return np.stack([known[key] for key in keys]).astype(np.float32)


def _kept(cache: Path) -> dict[str, NDArray[np.float32]]:
    try:
        with np.load(cache, allow_pickle=False) as kept:
            return dict(kept)
    except FileNotFoundError:
        return {}
    except Exception as error:  # numpy and zipfile name a damaged file in many ways
        log.warning("vectors_damaged", path=str(cache), reason=str(error)[:200])
        return {}
