"""The cookies of a login: sent where they belong, told to nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.clarity import assert_clear
from tests.media import make_tone
from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator
from ultimate_discord_intelligence_bot.errors import AccessDenied, SettingsError
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings

SECRET = "s3cr3t-of-the-login"


class Club:
    """A server that gives its recording to members only.

    Attributes:
        cookies: what each request brought.
    """

    def __init__(self, recording: bytes) -> None:
        self.cookies: list[str | None] = []
        club = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                club.cookies.append(self.headers["Cookie"])
                member = f"session={SECRET}" in (self.headers["Cookie"] or "")
                self.send_response(200 if member else 403)
                self.send_header("Content-Type", "audio/mpeg")
                self.send_header("Content-Length", str(len(recording) if member else 0))
                self.end_headers()
                if member:
                    self.wfile.write(recording)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/talk.mp3"


@pytest.fixture
def club(tmp_path: Path) -> Iterator[Club]:
    club = Club(make_tone(tmp_path / "talk.mp3", 2).read_bytes())
    threading.Thread(target=club.server.serve_forever, args=(0.05,), daemon=True).start()
    yield club
    club.server.shutdown()
    club.server.server_close()


def with_cookies(settings: Settings, path: Path, text: str | bytes) -> Settings:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return settings.model_copy(update={"cookies_file": path})


def cookie(domain: str) -> str:
    return f"# Netscape HTTP Cookie File\n{domain}\tFALSE\t/\tFALSE\t0\tsession\t{SECRET}\n"


def run_of(link: str, settings: Settings) -> Run:
    return Run(parse_locator(link, allow_files=False), Depth.STANDARD, settings)


async def test_a_login_opens_what_is_closed_to_others(
    club: Club, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(AccessDenied) as caught:
        await acquire(run_of(club.url, settings), silent)
    assert_clear(caught.value)
    file = tmp_path / "cookies.txt"
    member = with_cookies(settings, file, cookie("127.0.0.1"))
    file.chmod(0o400)
    before = file.stat()
    found = await acquire(run_of(club.url, member), silent)
    assert found.media is not None
    after = file.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert file.read_text() == cookie("127.0.0.1")


async def test_other_hosts_do_not_get_them(club: Club, settings: Settings, tmp_path: Path) -> None:
    elsewhere = with_cookies(settings, tmp_path / "cookies.txt", cookie("example.org"))
    with pytest.raises(AccessDenied):
        await acquire(run_of(club.url, elsewhere), silent)
    assert not any(club.cookies)


async def test_they_are_not_left_in_the_data_folder(
    club: Club, settings: Settings, tmp_path: Path
) -> None:
    member = with_cookies(settings, tmp_path / "cookies.txt", cookie("127.0.0.1"))
    await acquire(run_of(club.url, member), silent)
    kept = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    assert kept
    assert not any(SECRET.encode() in path.read_bytes() for path in kept)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no cookies"),
        (b"# Netscape HTTP Cookie File\n", "holds no cookies"),
        (f"session={SECRET}".encode(), "Line 1"),
        (f'[{{"name": "session", "value": "{SECRET}"}}]'.encode(), "Line 1"),
        (f"{cookie('a.example')}b.example\tsession\t{SECRET}\n".encode(), "Line 3"),
        (SECRET.encode("utf-16"), "no text file"),
        (b"#" * 4_000_001, "too large"),
    ],
)
async def test_what_is_no_file_of_cookies_is_refused_without_quoting_it(
    settings: Settings, tmp_path: Path, content: bytes, told: str
) -> None:
    wrong = with_cookies(settings, tmp_path / "cookies.txt", content)
    with pytest.raises(SettingsError, match=told) as caught:
        await acquire(run_of("http://127.0.0.1:9/talk.mp3", wrong), silent)
    assert SECRET not in str(caught.value)
    assert "AUTOINTEL_COOKIES_FILE" in caught.value.message
    assert_clear(caught.value)


async def test_a_file_that_is_not_there_is_told(settings: Settings, tmp_path: Path) -> None:
    absent = settings.model_copy(update={"cookies_file": tmp_path / "absent.txt"})
    with pytest.raises(SettingsError, match="leads to no file") as caught:
        await acquire(run_of("http://127.0.0.1:9/talk.mp3", absent), silent)
    assert_clear(caught.value)
