"""yt-dlp as we use it: one network stack, counted bytes, nothing read or left elsewhere."""

from __future__ import annotations

import os
from typing import Any, TypedDict

from .meter import Meter, MeteredStream


class Request(TypedDict):
    """What the parent asks for.

    Attributes:
        task: what to do with the link, a key of ``worker.TASKS``.
        folder: existing and empty; everything is written there.
        largest: bytes that may be received.
        longest: seconds the recording may last.
        timeout: seconds without an answer after which a connection is given up.
        language: wanted captions, ISO 639 code.
    """

    task: str
    url: str
    folder: str
    largest: int
    longest: float
    timeout: float
    language: str | None


class Silent:
    """yt-dlp's messages go nowhere: errors arrive as exceptions."""

    def debug(self, message: str) -> None: ...

    info = warning = error = debug


def downloader(request: Request, meter: Meter, **options: Any) -> Any:
    """A yt-dlp for one request; the options are its own and come on top."""
    from yt_dlp import YoutubeDL

    class Downloader(YoutubeDL):  # type: ignore[misc]
        def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
            only = [handler for handler in handlers if handler.RH_KEY == "Requests"]
            return super().build_request_director(only, preferences)

        def urlopen(self, req: Any) -> Any:
            response = super().urlopen(req)
            response.fp = MeteredStream(response.fp, meter)
            return response

    return Downloader(
        {
            "format": "bestaudio/best",
            "paths": {"home": request["folder"]},
            "outtmpl": {"default": "media.%(ext)s"},
            "noplaylist": True,
            "extract_flat": "in_playlist",
            "playlist_items": "1,2",
            "socket_timeout": request["timeout"],
            "retries": 2,
            "fragment_retries": 2,
            "extractor_retries": 1,
            "file_access_retries": 0,
            "skip_unavailable_fragments": False,
            "continuedl": False,
            "overwrites": True,
            "updatetime": False,
            "cachedir": False,
            "ffmpeg_location": os.devnull,
            "external_downloader": {"default": "native"},
            "fixup": "never",
            "default_search": "error",
            "logger": Silent(),
            "quiet": True,
            "noprogress": True,
            "color": "never",
            **options,
        }
    )
