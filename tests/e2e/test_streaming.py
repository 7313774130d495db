"""Listening to a recording while it is downloaded changes nothing but the time it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import content, execute
from tests.fixtures_whisper import build_tiny_whisper
from tests.media import make_voice
from tests.web import Web, serve
from ultimate_discord_intelligence_bot import machine, transcription
from ultimate_discord_intelligence_bot.models.media import Growing
from ultimate_discord_intelligence_bot.settings import Depth


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    folder = tmp_path / "web"
    folder.mkdir()
    make_voice(folder / "talk.wav", [(0.5, 4.0), (6.0, 9.0)], 10.0)
    with serve(folder) as web:
        yield web


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return build_tiny_whisper(tmp_path / "whisper")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The growing files that were listened to."""
    paths: list[Path] = []
    listen = transcription.listen

    def noted(growing: Growing, *rest: Any) -> transcription.Listening:
        paths.append(growing.path)
        return listen(growing, *rest)

    monkeypatch.setattr(transcription, "listen", noted)
    return paths


@pytest.mark.parametrize("depth", Depth)
def test_every_depth_gives_the_same_report_with_and_without_it(
    depth: Depth,
    web: Web,
    model: Path,
    fresh_copy: Callable[[str], Path],
    begun: list[Path],
) -> None:
    reports: list[dict[str, Any]] = []
    listened: list[int] = []
    for name, flags in (
        ("streamed", {}),
        ("pipelined", {"ENABLE_PIPELINED_RUN": 1}),
        ("pipelined afterwards", {"ENABLE_PIPELINED_RUN": 1, "ENABLE_STREAMED_TRANSCRIPTION": 0}),
        ("afterwards", {"ENABLE_STREAMED_TRANSCRIPTION": 0}),
        ("sequential", {"ENABLE_PARALLEL_AUTOINTEL": 0, "ENABLE_PIPELINED_RUN": 1}),
    ):
        begun.clear()
        result = execute(
            fresh_copy(name),
            f"{web.url}/talk.wav",
            depth,
            AUTOINTEL_WHISPER_MODEL=str(model),
            **flags,
        )
        assert result.status == "complete", (result.error, result.missing)
        reports.append(content(result))
        listened.append(len(begun))
    assert all(report == reports[0] for report in reports)
    assert reports[0]["transcript"]["origin"] == "speech recognition"
    assert listened == [1, 1, 0, 0, 0]


def test_nothing_is_listened_to_twice(
    web: Web, model: Path, data_dir: Path, begun: list[Path]
) -> None:
    for _ in range(2):
        execute(data_dir, f"{web.url}/talk.wav", AUTOINTEL_WHISPER_MODEL=str(model))
    assert len(begun) == 1


def test_a_download_that_fails_leaves_nobody_listening(
    web: Web, model: Path, data_dir: Path, begun: list[Path]
) -> None:
    result = execute(
        data_dir,
        f"{web.url}/cut/talk.wav",
        AUTOINTEL_WHISPER_MODEL=str(model),
        AUTOINTEL_DOWNLOAD_RETRIES=0,
    )
    assert result.error is not None
    assert result.error.code == "network_failed"
    assert not _listeners()


def _listeners() -> list[str]:
    """Command lines of processes of this test that listen."""
    found = []
    for process in machine.family():
        with suppress(OSError):
            found.append(Path(f"/proc/{process}/cmdline").read_text(errors="replace"))
    return [command for command in found if "transcription.worker" in command]
