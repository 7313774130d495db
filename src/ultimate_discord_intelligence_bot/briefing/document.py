"""The files of a briefing."""

from __future__ import annotations

from pathlib import Path

from ..errors import StorageError
from ..models.report import Report
from ..runs import write_atomically
from .captions import render_webvtt
from .claimreview import render_jsonld
from .markdown import render_markdown
from .page import media_player, render_html


def render_json(report: Report) -> str:
    """The report as JSON; ``docs/report.schema.json`` describes it."""
    return report.model_dump_json(indent=1) + "\n"


def write_briefing(
    report: Report, folder: Path, *, media: Path | None, embed_limit_mb: float
) -> tuple[Path, ...]:
    """Write the report as JSON, Markdown and HTML, its transcript and its ClaimReviews.

    All are rendered before the first is written, and each is replaced at once.

    Args:
        report: what to write.
        folder: made when it is not there.
        media: what the page plays; None when there is nothing to play.
        embed_limit_mb: media up to this many megabytes is put inside the page.

    Returns:
        The paths: ``report.json``, ``report.md``, ``report.html``, ``transcript.vtt`` and
        ``claims.jsonld``.

    Raises:
        StorageError: the folder cannot be written, or the media cannot be read.
    """
    player = None
    if media is not None:
        try:
            player = media_player(media, folder, embed_limit_mb)
        except OSError as error:
            raise StorageError(
                f"{media} cannot be read ({error.strerror}).",
                "Put it back, or run again with --fresh to fetch it anew.",
            ) from error
    texts = {
        "report.json": render_json(report),
        "report.md": render_markdown(report),
        "report.html": render_html(report, player),
        "transcript.vtt": render_webvtt(report),
        "claims.jsonld": render_jsonld(report),
    }
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
    return tuple(folder / name for name in texts)
