"""The briefing: a report as JSON, Markdown, a web page, captions and ClaimReviews."""

from .captions import render_webvtt
from .claimreview import render_jsonld
from .composition import compose
from .document import render_json, write_briefing
from .markdown import render_markdown
from .page import Player, media_player, render_html

__all__ = [
    "Player",
    "compose",
    "media_player",
    "render_html",
    "render_json",
    "render_jsonld",
    "render_markdown",
    "render_webvtt",
    "write_briefing",
]
