"""What an OpenAPI description offers: operations to ask, and how they feed each other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from .passages import words

_DEEPEST = 8
_MOST_NODES = 5_000
_LONGEST_TEXT = 600
_LONGEST_VALUE = 300

_CARRIERS = words(
    "q query search searchquery searchterm srsearch querystring term terms keyword keywords text"
    " phrase s topic title name word"
)
"""Names of parameters that take words to search for, surest first."""
_SURE = _CARRIERS["s"]
"""Those before it are meant for that even when they need not be given."""
_CARRYING = re.compile(
    r"\b(?:search|quer(?:y|ies)|keywords?|phrases?|terms?|full[- ]?text)\b", re.I
)
_SUFFIXES = ("id", "key", "slug", "code")


@dataclass(frozen=True)
class Parameter:
    """A query or path parameter.

    Attributes:
        default: what is sent when nothing better is known; None when nothing is.
        rank: how surely it takes words to search for, 0 is surest; None when it does not.
    """

    name: str
    place: str
    required: bool
    default: str | None
    rank: int | None


@dataclass(frozen=True)
class Operation:
    """A GET request that an API offers.

    Attributes:
        path: template such as ``/articles/{id}``.
        text: what it does, in words, to be found by.
        carrier: the parameter that takes the words to search for, where there is one.
        needs: required parameters that only the answer of another operation can fill.
        fixed: parameters with their defaults.
        outputs: names of the fields of its answer, as ``plain_name`` writes them.
    """

    path: str
    text: str
    carrier: str | None
    needs: tuple[str, ...]
    fixed: Mapping[str, str]
    outputs: frozenset[str]

    def request(self, base: str, values: Mapping[str, str]) -> tuple[str, dict[str, str]] | None:
        """Address and query parameters of a request.

        Values stay values: in the path they are percent-encoded whole, and one that would climb
        to another path gives no request at all (None).
        """
        rest = {name: value[:_LONGEST_VALUE] for name, value in {**self.fixed, **values}.items()}
        path = self.path
        for name in re.findall(r"\{([^{}]+)\}", self.path):
            value = rest.pop(name, "").strip()
            if not value.strip("."):
                return None
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return base + path, rest


@dataclass(frozen=True)
class Link:
    """How the answer of one operation fills the parameters of another.

    Attributes:
        producer: index of the operation that is asked first.
        consumer: index of the one that is asked next.
        fields: parameter to the field of the first answer that fills it.
    """

    producer: int
    consumer: int
    fields: Mapping[str, str]

    def values(self, answer: Any, most: int) -> list[dict[str, str]]:
        """The values that an answer has for the parameters, from objects that have them all."""
        found: dict[tuple[str, ...], dict[str, str]] = {}
        for node in nodes(answer):
            if not isinstance(node, dict) or len(found) == most:
                continue
            plain = {plain_name(str(name)): value for name, value in node.items()}
            filled = {name: _scalar(plain.get(place)) for name, place in self.fields.items()}
            if all(filled.values()):
                found.setdefault(tuple(filled.values()), filled)
        return list(found.values())


@dataclass(frozen=True)
class Operations:
    """All operations of a description that can be asked, alone or after another.

    Attributes:
        links: by index of the consumer, for those that cannot be asked alone.
        followers: links by index of the producer.
    """

    all: tuple[Operation, ...]
    links: Mapping[int, Link] = field(default_factory=dict)
    followers: Mapping[int, tuple[Link, ...]] = field(default_factory=dict)

    @property
    def usable(self) -> list[int]:
        """Indices of the operations that can be asked."""
        return [row for row, op in enumerate(self.all) if not op.needs or row in self.links]


def read_operations(root: Mapping[str, Any]) -> Operations:
    """The operations of a parsed description that can serve a search."""
    found = []
    for path, item in _mapping(root.get("paths")).items():
        item = _resolved(root, item)
        get = _resolved(root, item.get("get"))
        if get and str(path).startswith("/") and not set("?#") & set(str(path)):
            operation = _operation(root, str(path), item, get)
            if operation:
                found.append(operation)
    return _linked(found)


def plain_name(name: str) -> str:
    """A name without its way of being written: ``articleId`` and ``article_id`` are one."""
    return re.sub(r"[\W_]", "", name).casefold()


def nodes(answer: Any) -> Iterator[Any]:
    """The values of a JSON answer, the outermost first, as many as are worth looking at."""
    queue = [answer]
    for seen, node in enumerate(queue):
        if seen == _MOST_NODES:
            return
        yield node
        if isinstance(node, dict):
            queue += node.values()
        elif isinstance(node, list):
            queue += node


def _operation(
    root: Mapping[str, Any], path: str, item: Mapping[str, Any], get: Mapping[str, Any]
) -> Operation | None:
    described = {}
    for raw in (*_sequence(item.get("parameters")), *_sequence(get.get("parameters"))):
        parameter = _resolved(root, raw)
        described[str(parameter.get("name")), str(parameter.get("in"))] = parameter
    parameters = [_parameter(root, raw) for raw in described.values()]
    inner = [p for p in parameters if p.place in ("query", "path")]
    if any(p.required and p.default is None for p in parameters if p not in inner):
        return None
    if set(re.findall(r"\{([^{}]+)\}", path)) - {p.name for p in inner if p.place == "path"}:
        return None
    carriers = [p for p in inner if p.rank is not None]
    carrier = min(carriers, key=lambda p: (not p.required, p.rank), default=None)
    others = [p for p in inner if p is not carrier and p.required]
    needs = tuple(p.name for p in others if p.default is None)
    if carrier is None and not needs:
        return None
    return Operation(
        path=path,
        text=_text(path, get, described.values()),
        carrier=carrier.name if carrier else None,
        needs=needs,
        fixed={p.name: p.default for p in others if p.default is not None},
        outputs=frozenset(_outputs(root, get)),
    )


def _parameter(root: Mapping[str, Any], raw: Mapping[str, Any]) -> Parameter:
    name, place = str(raw.get("name")), str(raw.get("in"))
    required = bool(raw.get("required")) or place == "path"
    schema = _resolved(root, raw.get("schema"))
    choices = _sequence(schema.get("enum"))
    default = schema.get("default", schema.get("const", choices[0] if choices else None))
    kinds = schema.get("type", "string")
    wordy = "string" in (kinds if isinstance(kinds, list) else [kinds])
    rank = None
    if wordy and not choices and "const" not in schema and not schema.get("format"):
        rank = _rank(plain_name(name), str(raw.get("description", "")), required)
    return Parameter(
        name, place, required, _scalar(default) or None, rank if place != "header" else None
    )


def _rank(name: str, description: str, required: bool) -> int | None:
    if name in _CARRIERS and (required or _CARRIERS[name] < _SURE):
        return _CARRIERS[name]
    if required and not name.endswith(_SUFFIXES) and _CARRYING.search(description):
        return len(_CARRIERS)
    return None


def _text(path: str, get: Mapping[str, Any], parameters: Any) -> str:
    words = [str(get.get("summary", "")), str(get.get("description", ""))[:_LONGEST_TEXT]]
    words += [f"{p.get('name')} {str(p.get('description', ''))[:100]}" for p in parameters]
    if not any(words[:2]):
        words.insert(0, re.sub(r"[\W_]+", " ", path))
    return " ".join(" ".join(words).split())[: 2 * _LONGEST_TEXT]


def _linked(operations: Sequence[Operation]) -> Operations:
    index: defaultdict[str, list[int]] = defaultdict(list)
    for row, operation in enumerate(operations):
        if operation.carrier and not operation.needs:
            for name in operation.outputs:
                index[name].append(row)
    links: dict[int, Link] = {}
    followers: defaultdict[int, tuple[Link, ...]] = defaultdict(tuple)
    for row, operation in enumerate(operations):
        if operation.needs and (link := _link(row, operation, operations, index)):
            links[row] = link
            followers[link.producer] += (link,)
    return Operations(tuple(operations), links, dict(followers))


def _link(
    row: int,
    operation: Operation,
    operations: Sequence[Operation],
    index: Mapping[str, list[int]],
) -> Link | None:
    """The operation whose answers have all that this one needs; of several one of a like path."""
    fields: dict[int, dict[str, str]] = {}
    for need in operation.needs:
        for name in _names(plain_name(need), operation.path):
            for producer in index.get(name, ()):
                fields.setdefault(producer, {}).setdefault(need, name)
    able = [producer for producer, given in fields.items() if len(given) == len(operation.needs)]
    if not able:
        return None
    own = set(operation.path.split("/"))
    best = max(able, key=lambda other: len(own & set(operations[other].path.split("/"))))
    return Link(best, row, fields[best])


def _names(need: str, path: str) -> Iterator[str]:
    """Fields that may fill a parameter: its namesake, and ``id`` for an ``articleId``."""
    yield need
    for suffix in _SUFFIXES:
        owner = need.removesuffix(suffix)
        if owner != need and owner and owner in plain_name(path):
            yield suffix


def _outputs(root: Mapping[str, Any], get: Mapping[str, Any]) -> Iterator[str]:
    """Names of the fields of a successful answer, through every reference once."""
    responses = {str(code): answer for code, answer in _mapping(get.get("responses")).items()}
    chosen = next((responses[c] for c in ("200", "2XX", "default") if c in responses), None)
    content = _mapping(_resolved(root, chosen).get("content"))
    media = [_mapping(each) for kind, each in content.items() if "json" in str(kind)]
    queue: list[tuple[Any, int]] = [(each.get("schema"), 0) for each in media]
    seen: set[str] = set()
    for count, (raw, depth) in enumerate(queue):
        reference = str(_mapping(raw).get("$ref", ""))
        if depth > _DEEPEST or count > _MOST_NODES or reference in seen:
            continue
        seen |= {reference} - {""}
        schema = _resolved(root, raw)
        properties = _mapping(schema.get("properties"))
        yield from (plain_name(str(name)) for name in properties)
        parts = [*properties.values(), schema.get("items"), schema.get("additionalProperties")]
        for several in ("allOf", "anyOf", "oneOf"):
            parts += _sequence(schema.get(several))
        queue += [(part, depth + 1) for part in parts if isinstance(part, dict)]


def _resolved(root: Mapping[str, Any], node: Any) -> Mapping[str, Any]:
    """What a reference within the description stands for; nothing for one that leads outside."""
    for _ in range(_DEEPEST):
        reference = _mapping(node).get("$ref")
        if reference is None:
            return _mapping(node)
        if not str(reference).startswith("#/"):
            return {}
        node = root
        for part in str(reference)[2:].split("/"):
            node = _mapping(node).get(part.replace("~1", "/").replace("~0", "~"))
    return {}


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip()[:_LONGEST_VALUE] if isinstance(value, str | int | float) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
