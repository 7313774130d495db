"""yt-dlp as we use it: one network stack, counted bytes, nothing read or left elsewhere."""

from __future__ import annotations

import io
import os
from typing import Any

from ..errors import TooLarge
from .meter import Meter, MeteredStream, in_memory
from .request import Request

_MOST_PIECES = 50_000


class Silent:
    """yt-dlp's messages go nowhere: errors arrive as exceptions."""

    def debug(self, message: str) -> None: ...

    info = warning = error = debug


def downloader(request: Request, meter: Meter, **options: Any) -> Any:
    """A yt-dlp for one request; the options are its own and come on top."""
    from yt_dlp import YoutubeDL

    class Downloader(YoutubeDL):  # type: ignore[misc]
        def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
            return super().build_request_director([handler_for(meter)], preferences)

        def urlopen(self, req: Any) -> Any:
            response = super().urlopen(req)
            response.read = in_memory(response.read)
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
            # Attempts are counted in one place, by the parent.
            "retries": 0,
            "fragment_retries": 0,
            "extractor_retries": 1,
            "file_access_retries": 0,
            "skip_unavailable_fragments": False,
            "continuedl": True,
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
            # Not from the environment: behind a proxy the guard sees less, so it must be meant.
            "proxy": request["proxy"] or "",
            "cookiefile": io.StringIO(cookies) if (cookies := request.get("cookies")) else None,
            "ratelimit": request.get("rate") or None,
            **options,
            "progress_hooks": [refuse_crumbs, *options.get("progress_hooks", ())],
        }
    )


def handler_for(meter: Meter) -> Any:
    """The only way of yt-dlp to the network: guard and meter on every hop of every request."""
    from requests.adapters import BaseAdapter
    from yt_dlp.networking._requests import RequestsRH
    from yt_dlp.networking.exceptions import RequestError

    class Metered(BaseAdapter):
        def __init__(self, adapter: BaseAdapter) -> None:
            super().__init__()
            self.adapter = adapter

        def send(self, request: Any, *args: Any, **options: Any) -> Any:
            with meter.request(request.url):
                response = self.adapter.send(request, *args, **options)
            response.raw = MeteredStream(response.raw, meter, request.url)
            return response

        def close(self) -> None:
            self.adapter.close()

    class GuardedRH(RequestsRH):  # type: ignore[misc]
        RH_NAME = "requests"

        def _create_instance(self, **options: Any) -> Any:
            session = super()._create_instance(**options)
            for prefix, adapter in list(session.adapters.items()):
                session.mount(prefix, Metered(adapter))
            return session

        def _send(self, request: Any) -> Any:
            try:
                return super()._send(request)
            except RequestError:
                raise
            except Exception as error:
                # As it is, yt-dlp would look for another handler and forget the cause.
                raise RequestError(cause=error) from error

    return GuardedRH


def refuse_crumbs(status: dict[str, Any]) -> None:
    """End a download that comes in so many pieces that asking for them would never end."""
    if (status.get("fragment_count") or 0) > _MOST_PIECES:
        raise TooLarge(
            f"The recording comes in {status['fragment_count']} pieces; at most {_MOST_PIECES} "
            "are fetched.",
            "Look for another copy of it, one that is a single file.",
        )
