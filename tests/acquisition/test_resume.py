"""A download that broke off is continued, and only with what belongs to it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.media import make_hls, make_tone
from tests.processes import alive, until, worker_of
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator
from ultimate_discord_intelligence_bot.acquisition.partial import (
    Partial,
    PartialFile,
    PartialStream,
)
from ultimate_discord_intelligence_bot.errors import (
    NetworkFailed,
    NoMediaFound,
    TooLarge,
    TooLong,
)
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import Acquisition, Growing
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings

HALF = 300_000


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    make_tone(folder / "talk.wav", 20)
    make_hls(folder / "stream.m3u8", 10)
    return folder


@pytest.fixture
def web(sounds: Path, tmp_path: Path) -> Iterator[Web]:
    folder = tmp_path / "www"
    folder.mkdir()
    for file in sounds.iterdir():
        (folder / file.name).symlink_to(file)
    with serve(folder) as server:
        yield server


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"network_timeout": 2.0, "download_retries": 0})


def run_of(web: Web, path: str, settings: Settings) -> Run:
    locator = parse_locator(f"{web.url}/plays/{path}", allow_files=False)
    return Run(locator, Depth.STANDARD, settings)


def parts(run: Run) -> list[Path]:
    return sorted((run.media_folder / "incoming").glob("*.part"))


async def broken_off(run: Run, web: Web) -> int:
    """Let a download break off after some bytes; returns how many are kept."""
    web.breaks = [HALF]
    with pytest.raises(NetworkFailed):
        await acquire(run, silent)
    (part,) = parts(run)
    assert 0 < part.stat().st_size <= HALF
    return part.stat().st_size


def assert_whole(found: Acquisition, web: Web, name: str = "talk.wav") -> None:
    assert found.media is not None
    assert found.media.path.read_bytes() == (web.folder / name).read_bytes()


async def test_the_next_run_continues_where_the_last_one_broke_off(
    web: Web, settings: Settings
) -> None:
    run = run_of(web, "ranges/talk.wav", settings)
    kept = await broken_off(run, web)
    assert_whole(await acquire(run, silent), web)
    (_, first), (start, rest) = web.answers
    assert start == kept
    assert first - start < 65536
    assert start + rest == (web.folder / "talk.wav").stat().st_size
    assert [path.name for path in run.media_folder.iterdir()] == ["media.wav"]


async def test_a_killed_worker_loses_nothing(web: Web, settings: Settings) -> None:
    web.pace = 400_000
    run = run_of(web, "ranges/talk.wav", settings.model_copy(update={"download_retries": 1}))
    task = asyncio.create_task(acquire(run, silent))
    worker = await worker_of(os.getpid(), lambda: any(p.stat().st_size for p in parts(run)))
    os.kill(worker, signal.SIGKILL)
    await until(lambda: not alive(worker))
    kept = parts(run)[0].stat().st_size
    web.pace = None
    assert_whole(await task, web)
    assert web.answers[-1][0] == kept


async def test_a_killed_program_loses_nothing(web: Web, settings: Settings, tmp_path: Path) -> None:
    web.pace = 400_000
    run = run_of(web, "ranges/talk.wav", settings)
    script = tmp_path / "program.py"
    script.write_text(
        "import asyncio\n"
        "from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator\n"
        "from ultimate_discord_intelligence_bot.events import silent\n"
        "from ultimate_discord_intelligence_bot.runs import Run\n"
        "from ultimate_discord_intelligence_bot.settings import Depth, load_settings\n"
        f"settings = load_settings(AUTOINTEL_DATA_DIR={str(settings.data_dir)!r})\n"
        f"locator = parse_locator({run.locator.value!r}, allow_files=False)\n"
        "asyncio.run(acquire(Run(locator, Depth.STANDARD, settings), silent))\n"
    )
    program = await asyncio.create_subprocess_exec(sys.executable, str(script))
    await until(lambda: any(p.stat().st_size > 100_000 for p in parts(run)))
    program.send_signal(signal.SIGKILL)
    await program.wait()
    web.pace = None
    assert_whole(await acquire(run, silent), web)
    assert web.answers[-1][0] > 100_000


async def test_a_cancelled_download_is_continued(web: Web, settings: Settings) -> None:
    web.pace = 400_000
    run = run_of(web, "ranges/talk.wav", settings)
    task = asyncio.create_task(acquire(run, silent))
    await until(lambda: any(p.stat().st_size for p in parts(run)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = parts(run)[0].stat().st_size
    web.pace = None
    assert_whole(await acquire(run, silent), web)
    assert web.answers[-1][0] == kept


async def test_a_file_that_has_changed_is_begun_anew(web: Web, settings: Settings) -> None:
    run = run_of(web, "ranges/talk.wav", settings)
    await broken_off(run, web)
    inode = parts(run)[0].stat().st_ino
    open_part = parts(run)[0].open("rb")
    (web.folder / "talk.wav").unlink()
    make_tone(web.folder / "talk.wav", 25)
    web.tag = '"two"'
    assert_whole(found := await acquire(run, silent), web)
    assert web.answers[-1][0] == 0
    assert found.media is not None
    assert found.media.path.stat().st_ino != inode
    with open_part:
        assert os.fstat(open_part.fileno()).st_nlink == 0


async def test_a_server_that_ignores_the_condition_cannot_mix_two_files(
    web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(web, "ranges/talk.wav", settings)
    await broken_off(run, web)
    monkeypatch.setattr(
        web, "_ranges", lambda to, name: web._kept(to, name, _start(to.headers.get("Range")))
    )
    web.tag = '"two"'
    assert_whole(await acquire(run, silent), web)
    assert [start for start, _ in web.answers[1:]][-1] == 0


def _start(header: str | None) -> int | None:
    return int(header.removeprefix("bytes=").rstrip("-")) if header else None


async def test_a_server_without_ranges_begins_anew(web: Web, settings: Settings) -> None:
    run = run_of(web, "whole/talk.wav", settings)
    await broken_off(run, web)
    assert_whole(await acquire(run, silent), web)
    assert web.answers[-1][0] == 0


async def test_nothing_is_kept_of_a_file_that_nothing_identifies(
    web: Web, settings: Settings
) -> None:
    web.tag, web.breaks = None, [HALF]
    run = run_of(web, "ranges/talk.wav", settings)
    with pytest.raises(NetworkFailed):
        await acquire(run, silent)
    assert not list(run.media_folder.iterdir())


async def test_a_download_killed_after_its_last_byte_asks_for_that_byte_only(
    web: Web, settings: Settings
) -> None:
    run = run_of(web, "ranges/talk.wav", settings)
    await broken_off(run, web)
    (part,) = parts(run)
    part.with_suffix("").write_bytes((web.folder / "talk.wav").read_bytes())
    part.unlink()
    assert_whole(await acquire(run, silent), web)
    assert web.answers[-1][1] == 1


async def test_bytes_of_another_format_are_not_used(web: Web, settings: Settings) -> None:
    run = run_of(web, "ranges/talk.wav", settings)
    await broken_off(run, web)
    (part,) = parts(run)
    for path in part.parent.iterdir():
        path.rename(path.with_name(path.name.replace("media.", "media.other-")))
    assert_whole(await acquire(run, silent), web)
    assert web.answers[-1][0] == 0


@pytest.mark.parametrize(
    "note", [b"", b"{", b"[]", b'{"validator": 7, "length": 1}', b'{"validator": null}', b"\xff"]
)
@pytest.mark.parametrize(
    "kind", [lambda path: PartialFile(path, len), lambda path: PartialStream(path, len, "known")]
)
def test_without_a_sound_note_of_its_origin_nothing_is_kept(
    tmp_path: Path, note: bytes, kind: Callable[[Path], Partial]
) -> None:
    (tmp_path / "media.1.mp3.part").write_bytes(b"some bytes")
    (tmp_path / "media.1.mp3.origin").write_bytes(note)
    assert kind(tmp_path / "media.1.mp3").size == 0
    assert not list(tmp_path.iterdir())


async def test_a_stream_in_pieces_is_continued_piece_by_piece(web: Web, settings: Settings) -> None:
    run = run_of(web, "stream.m3u8", settings)
    whole = await acquire(run, silent)
    asked = web.requests.copy()
    pieces = sorted(path.name for path in web.folder.glob("*.ts"))
    assert len(pieces) > 3
    web.busy = {f"/{pieces[2]}"}
    again = Run(run.locator, Depth.STANDARD, settings.model_copy(update={"tenant": "other"}))
    with pytest.raises(NetworkFailed):
        await acquire(again, silent)
    # As if it had been killed between writing a piece and noting that.
    (part,) = parts(again)
    with part.open("ab") as file:
        file.write(b"half a piece")
    web.busy.clear()
    found = await acquire(again, silent)
    assert found.media is not None
    assert whole.media is not None
    assert found.media.sha256 == whole.media.sha256
    assert web.requests[f"/{pieces[0]}"] - asked[f"/{pieces[0]}"] == 1


@pytest.mark.parametrize(
    ("path", "change", "kind"),
    [
        ("ranges/talk.wav", {"max_download_mb": 1, "max_duration_hours": 0.001}, TooLong),
        ("ranges/long.wav", {"max_download_mb": 1}, TooLarge),
        ("ranges/words.wav", {}, NoMediaFound),
    ],
)
async def test_a_refused_download_leaves_nothing(
    web: Web,
    settings: Settings,
    path: str,
    change: dict[str, float],
    kind: type[Exception],
) -> None:
    make_tone(web.folder / "long.wav", 40)
    (web.folder / "words.wav").write_bytes(b"these are words " * 5000)
    run = run_of(web, path, settings.model_copy(update=change))
    with pytest.raises(kind):
        await acquire(run, silent)
    assert not list(run.media_folder.iterdir())


async def test_unfinished_downloads_together_stay_below_the_limit(
    web: Web, settings: Settings
) -> None:
    settings = settings.model_copy(update={"max_download_mb": 1})
    runs = []
    for number in range(4):
        run = run_of(web, f"ranges/talk.wav?{number}", settings)
        await broken_off(run, web)
        runs.append(run)
    kept = [part.stat().st_size for run in runs for part in parts(run)]
    assert len(kept) == 3
    assert sum(kept) <= 1_000_000
    assert parts(runs[-1])


async def test_a_recording_can_be_heard_while_it_grows(web: Web, settings: Settings) -> None:
    web.pace = 400_000
    run = run_of(web, "ranges/talk.wav", settings)
    seen: list[tuple[Growing, int]] = []
    found = await acquire(run, silent, lambda growing: seen.append((growing, _size(growing))))
    ((growing, size),) = seen
    assert found.media is not None
    assert growing.title == "A talk"
    assert 0 < size < found.media.size


def _size(growing: Growing) -> int:
    return growing.path.stat().st_size


async def test_what_was_announced_once_is_the_same_file_after_an_interruption(
    web: Web, settings: Settings
) -> None:
    web.breaks = [HALF]
    run = run_of(web, "ranges/talk.wav", settings.model_copy(update={"download_retries": 1}))
    seen: list[int] = []
    found = await acquire(run, silent, lambda growing: seen.append(growing.path.stat().st_ino))
    assert found.media is not None
    assert seen == [found.media.path.stat().st_ino]


async def test_captions_make_it_needless_to_listen_early(web: Web, settings: Settings) -> None:
    make_tone(web.folder / "film.mp4")
    (web.folder / "film.mp4.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nHello.\n")
    for link in ("page-with/film.mp4", "film.mp4.vtt"):
        locator = parse_locator(f"{web.url}/{link}", allow_files=False)
        seen: list[Growing] = []
        await acquire(Run(locator, Depth.STANDARD, settings), silent, seen.append)
        assert not seen
