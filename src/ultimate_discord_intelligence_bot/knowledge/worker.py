"""The process that reads files, one after another; it may be killed at any moment.

Started as ``python -m …knowledge.worker`` (see ``processes``). To each ``{"path": …}`` of the
parent it answers with any number of ``{"passages": …}`` and one ``{"document": …}``, or with one
``{"refused": …}``.
"""

from __future__ import annotations

import resource
from pathlib import Path

from ..errors import AutointelError, DocumentRefused
from ..processes import Inbox, Message, Say, serve
from .documents import read_document
from .passages import Passage, passages

_MOST_MEMORY = 1 << 30
_AT_ONCE = 500


def work(message: Message, say: Say, inbox: Inbox) -> Message:
    """Read what the parent names until it lets go."""
    while True:
        try:
            _read(Path(message["path"]), say)
        except DocumentRefused as refusal:
            say({"notice": {"refused": {"message": refusal.message, "remedy": refusal.remedy}}})
        message = inbox.get()


def _read(path: Path, say: Say) -> None:
    content = read_document(path)
    # What stands on every page is one passage.
    found: dict[str, Passage] = {}
    for passage in passages(content.paragraphs):
        found.setdefault(passage.text, passage)
    rows = [(p.text, p.place.model_dump(exclude_none=True)) for p in found.values()]
    for first in range(0, len(rows), _AT_ONCE):
        say({"notice": {"passages": rows[first : first + _AT_ONCE]}})
    facts = {"id": content.id, "kind": content.kind, "title": content.title}
    when = content.date.isoformat() if content.date else None
    say({"notice": {"document": {**facts, "date": when}}})


def explain(error: Exception, message: Message) -> AutointelError:
    """The error to show for what a library raised; the parent starts a new process."""
    if isinstance(error, MemoryError | RecursionError):
        return DocumentRefused(
            "Reading it takes more memory than a document should.", "Split it into parts."
        )
    return DocumentRefused(
        f"It cannot be understood ({type(error).__name__}).",
        "Save it anew as text, Markdown, HTML or PDF and add that.",
    )


def bound_memory() -> None:
    """Let no file, however it is folded, take the memory of the machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _MOST_MEMORY if hard == resource.RLIM_INFINITY else min(_MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


if __name__ == "__main__":
    bound_memory()
    serve(work, explain)
