"""Bad input: one clear error that names the remedy, and never a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.media import make_silence, make_truncated, make_video_without_sound
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.cli import app

Make = Callable[[Path], str]


def _file(name: str, content: bytes) -> Make:
    def make(folder: Path) -> str:
        (folder / name).write_bytes(content)
        return str(folder / name)

    return make


def _asked(text: str) -> Make:
    return lambda folder: text


FILES: dict[str, tuple[Make, str]] = {
    "an empty argument": (_asked(""), "bad_input"),
    "white space": (_asked("   "), "bad_input"),
    "not a URL": (_asked("what is this"), "bad_input"),
    "a file that is not there": (_asked("/nowhere/talk.mp3"), "file_missing"),
    "a folder": (str, "file_missing"),
    "file://": (_asked("file:///etc/passwd"), "unsupported_scheme"),
    "ftp://": (_asked("ftp://example.org/talk.mp3"), "unsupported_scheme"),
    "ytsearch:": (_asked("ytsearch:cats"), "unsupported_scheme"),
    "an unknown host": (_asked("http://nowhere.invalid/talk.mp3"), "host_unknown"),
    "a file without content": (_file("empty.mp3", b""), "not_media"),
    "a text named .mp3": (_file("notes.mp3", b"Dear diary,\n" * 500), "not_media"),
    "a truncated video": (
        lambda folder: str(make_truncated(folder / "talk.mp4", index_first=True)),
        "not_media",
    ),
    "a video without sound": (
        lambda folder: str(make_video_without_sound(folder / "silent.mp4")),
        "no_audio",
    ),
    "three seconds of silence": (
        lambda folder: str(make_silence(folder / "silence.wav")),
        "no_speech",
    ),
    "captions in the wrong encoding": (
        _file("talk.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nGrüße\n".encode("latin-1")),
        "bad_captions",
    ),
    "captions that are none": (_file("talk.srt", b"\x00\x01\x02" * 300), "bad_captions"),
}
PATHS: dict[str, tuple[str, str]] = {
    "404": ("/status/404", "not_found"),
    "410": ("/status/410", "removed"),
    "403": ("/status/403", "access_denied"),
    "500": ("/status/500", "network_failed"),
    "a redirect loop": ("/loop", "redirect_loop"),
    "a page without media": ("/page", "unsupported_site"),
    "a text that calls itself audio": ("/text.mp3", "no_media_found"),
    "an audio file without content": ("/empty.mp3", "no_media_found"),
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serve(tmp_path_factory.mktemp("web")) as server:
        yield server


@pytest.fixture(autouse=True)
def _own_data_folder(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOINTEL_DATA_DIR", str(data_dir))
    monkeypatch.setenv("AUTOINTEL_DOWNLOAD_RETRIES", "0")


def _assert_clear(text: str, code: str) -> None:
    shown = CliRunner().invoke(app, ["run", text])
    assert shown.exit_code == 3
    assert shown.stdout == ""
    told = CliRunner().invoke(app, ["run", text, "--json"])
    assert told.exit_code == 3
    document = json.loads(told.stdout)
    assert (document["status"], document["error"]["code"]) == ("failed", code)
    assert document["out"] is None
    for part in (document["error"]["message"], document["error"]["remedy"]):
        assert len(part) > 10
        assert part in shown.stderr
    assert "Traceback" not in shown.stderr + told.stderr


@pytest.mark.parametrize("what", FILES)
def test_bad_input(what: str, tmp_path: Path) -> None:
    make, code = FILES[what]
    _assert_clear(make(tmp_path), code)


@pytest.mark.parametrize("what", PATHS)
def test_a_bad_link(what: str, web: Web) -> None:
    path, code = PATHS[what]
    _assert_clear(web.url + path, code)


def test_a_good_link_is_fetched_once(
    web: Web, debate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(debate.with_suffix(".vtt"), web.folder / "debate.vtt")
    first = CliRunner().invoke(app, ["run", f"{web.url}/debate.vtt", "--json"])
    assert first.exit_code == 0, first.stderr
    asked = sum(web.requests.values())
    second = CliRunner().invoke(app, ["run", f"{web.url}/debate.vtt", "--json"])
    assert "acquisition" in json.loads(second.stdout)["reused"]
    assert sum(web.requests.values()) == asked


def test_one_bad_input_does_not_stop_the_others(debate: Path) -> None:
    done = CliRunner().invoke(app, ["run", "ftp://example.org/a", str(debate), "--json"])
    assert done.exit_code == 3
    statuses = [json.loads(line)["status"] for line in done.stdout.splitlines()]
    assert statuses == ["failed", "complete"]
