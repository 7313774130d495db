"""The committed sample is what its script says; nothing here needs flite."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import pytest
import webvtt

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_debate", EXAMPLES / "make_debate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script(maker: ModuleType) -> list[dict[str, Any]]:
    return [sentence for sentence, _ in maker.sentences(maker.load_script())]


@pytest.fixture(scope="module")
def cues() -> list[Any]:
    captions: list[Any] = webvtt.read(str(EXAMPLES / "debate.vtt")).captions
    return captions


def test_the_captions_say_what_the_script_says(
    maker: ModuleType, script: list[dict[str, Any]], cues: list[Any]
) -> None:
    written = [
        (sentence["speaker"], text)
        for sentence in script
        for text in maker.cue_texts(sentence["text"])
    ]
    assert [(cue.voice, cue.text.replace("\n", " ")) for cue in cues] == written


def test_the_captions_are_readable_and_in_order(cues: list[Any]) -> None:
    times = [t for cue in cues for t in (cue.start_in_seconds, cue.end_in_seconds)]
    assert times == sorted(times)
    for cue in cues:
        assert len(cue.lines) <= 2
        assert all(len(line) <= 50 for line in cue.text.splitlines())


def test_the_sound_is_as_long_as_its_captions_and_carries_its_title(
    maker: ModuleType, cues: list[Any]
) -> None:
    path = EXAMPLES / "debate.opus"
    with av.open(str(path)) as container:
        assert container.duration is not None
        seconds = container.duration / av.time_base
        stream = container.streams.audio[0]
        assert stream.codec_context.name.startswith(("opus", "libopus"))
        assert stream.codec_context.channels == 1
        assert stream.metadata["title"] == maker.load_script()["title"]
        assert "synthetic" in stream.metadata["artist"]
    assert 0 < seconds - cues[-1].end_in_seconds < 1.6
    assert 140 < seconds < 160
    assert path.stat().st_size < 320_000


def test_the_script_holds_what_an_analyst_is_measured_against(
    script: list[dict[str, Any]],
) -> None:
    kinds = Counter(
        sentence["kind"] if sentence["kind"] != "claim" else f"claim {sentence['truth']}"
        for sentence in script
    )
    assert kinds["claim True"] >= 8
    assert kinds["claim False"] >= 3
    assert kinds["claim contested"] == 2
    assert kinds["opinion"] >= 1
    assert kinds["fallacy"] == 2
    by_id = {sentence["id"]: sentence for sentence in script}
    assert len(by_id) == len(script)
    (later,) = [sentence for sentence in script if "contradicts" in sentence]
    assert by_id[later["contradicts"]]["speaker"] == later["speaker"]
    for sentence in script:
        if sentence["kind"] == "claim":
            assert sentence["note"]
        if sentence["kind"] == "fallacy":
            assert sentence["fallacy"]
        assert sentence.get("answers", sentence["id"]) in by_id
