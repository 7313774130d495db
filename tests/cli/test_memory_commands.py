"""Questions over all recordings, and the care of what is remembered, on the command line."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.copies import copied
from ultimate_discord_intelligence_bot.cli import app

EXAMPLES = Path(__file__).parents[2] / "examples"


def autointel(data_dir: Path, *words: str, **environment: str) -> Result:
    """A command, in this process: what is asked here is asked of files, not of the process."""
    runner = CliRunner()
    return runner.invoke(app, words, env={"AUTOINTEL_DATA_DIR": str(data_dir), **environment})


def answered(data_dir: Path, *words: str, **environment: str) -> Any:
    """What a command prints as JSON."""
    told = autointel(data_dir, *words, "--json", **environment)
    assert told.exit_code == 0, told.stderr
    return json.loads(told.stdout)


QUESTIONS = (
    ("search", "people on the moon", "--limit", "5"),
    ("claims",),
    ("contradictions",),
    ("timeline", "mars"),
    ("memory", "stats"),
)


def told(data_dir: Path, **environment: str) -> list[Any]:
    """What a memory answers to the same questions, however many bytes it takes."""
    answers = [answered(data_dir, *question, **environment) for question in QUESTIONS]
    del answers[-1]["bytes"]
    return answers


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that remembers the almanac and the debate."""
    folder = tmp_path_factory.mktemp("heard") / "data"
    for recording in ("almanac.vtt", "debate.opus"):
        ran = autointel(folder, "run", str(EXAMPLES / recording), "--depth", "deep")
        assert ran.exit_code == 0, ran.stderr
    return folder


def test_claims_are_found_by_words_speaker_and_verdict(heard: Path) -> None:
    found = answered(heard, "claims", "moon")
    assert {claim["speaker"] for claim in found} == {"Reader", "Ruth"}
    (ours,) = answered(heard, "claims", "moon", "--speaker", "ruth")
    assert ours["text"] == "Between 1969 and 1972, twelve people walked on the Moon."
    assert ours["url"].endswith("debate.opus#t=9.8")
    supported = answered(heard, "claims", "--verdict", "Supported")
    assert supported
    assert {claim["verdict"] for claim in supported} == {"Supported"}
    assert answered(heard, "claims", "zirconium") == []
    assert "recording" in autointel(heard, "claims").stdout


def test_contradictions_and_repetitions_between_recordings_are_told(heard: Path) -> None:
    (pair,) = answered(heard, "contradictions")
    assert {pair["first"]["title"], pair["second"]["title"]} == {
        "Almanac",
        "People or robots: who should explore Mars?",
    }
    assert pair["reason"] == "one denies what the other says"
    assert pair["since"]
    assert "one denies what the other says" in autointel(heard, "contradictions").stdout
    repeated = answered(heard, "contradictions", "--kind", "repetitions")
    assert len(repeated) == 2
    assert answered(heard, "contradictions", "--speaker", "Nobody") == []
    assert answered(heard, "contradictions", "--source", "almanac") == [pair]


def test_a_timeline_tells_every_mention_with_its_moment(heard: Path) -> None:
    found = answered(heard, "timeline", "valeri polyakov")
    assert {mention["title"] for mention in found} >= {"Almanac"}
    assert all("Polyakov" in mention["text"] for mention in found)
    assert "not mentioned" in autointel(heard, "timeline", "Zirconium").stderr


def test_what_is_remembered_is_counted_and_whole(heard: Path) -> None:
    held = answered(heard, "memory", "stats")
    assert held["vector"] == held["graph"]
    assert held["vector"]["sources"] == held["nodes"]["Source"] == 2
    assert held["bytes"] > 100_000
    assert answered(heard, "memory", "check") == {"repaired": 0, "discrepancies": []}
    assert "Both stores hold the same" in autointel(heard, "memory", "repair").stdout


def test_a_memory_is_moved_forgotten_and_put_back(heard: Path, tmp_path: Path) -> None:
    bundle, there = tmp_path / "memory.zip", tmp_path / "there"
    written = answered(heard, "memory", "export", str(bundle))
    assert (written["sources"], written["records"]) == (2, 63)
    assert answered(there, "memory", "import", str(bundle)) == written
    assert told(there) == told(heard)

    gone = answered(there, "memory", "forget", "Almanac")
    assert gone["records"] == 18
    assert not [c for c in answered(there, "claims") if c["title"] == "Almanac"]
    assert answered(there, "contradictions") == []
    answered(there, "memory", "import", str(bundle))
    assert told(there) == told(heard)


def test_a_memory_is_put_away_wiped_and_put_back(heard: Path, tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    copied(heard, data)
    for tenant in ("local", "guild"):
        (recording := tmp_path / f"{tenant}.vtt").write_text(
            "WEBVTT\n\n00:01.000 --> 00:06.000\n<v Eve>In 1997, the mine produced 4,000 tonnes.\n"
        )
        ran = autointel(data, "run", str(recording), "--depth", "deep", AUTOINTEL_TENANT=tenant)
        assert ran.exit_code == 0, ran.stderr
    before, guild = told(data), told(data, AUTOINTEL_TENANT="guild")
    written = answered(data, "memory", "backup", str(backup))
    assert (written["tenants"], written["sources"]) == (["guild", "local"], 4)
    again = autointel(data, "memory", "backup", str(backup))
    assert again.exit_code == 5
    assert "is not empty" in again.stderr

    shutil.rmtree(data / "memory")
    assert answered(data, "claims") == []
    assert answered(data, "memory", "restore", str(backup)) == written
    assert told(data) == before
    assert told(data, AUTOINTEL_TENANT="guild") == guild

    # What was heard since is not in the backup.
    ran = autointel(data, "run", str(EXAMPLES / "debate.opus"), AUTOINTEL_TENANT="new")
    assert ran.exit_code == 0, ran.stderr
    assert "remembered, and compared" in autointel(data, "memory", "restore", str(backup)).stdout
    assert answered(data, "search", "moon", AUTOINTEL_TENANT="new") == []
    assert told(data) == before

    (backup / "0001.zip").write_bytes((backup / "0001.zip").read_bytes()[:-9])
    damaged = autointel(data, "memory", "restore", str(backup))
    assert damaged.exit_code == 3
    assert "is not what it was" in damaged.stderr
    assert told(data) == before


def test_new_vectors_change_nothing_else(heard: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    copied(heard, data)
    before = told(data)
    card = data / "memory" / "vectors" / "store.json"
    older = json.loads(card.read_text()) | {"embedder": "an older one"}
    card.write_text(json.dumps(older))
    refused = autointel(data, "search", "moon")
    assert refused.exit_code == 5
    assert "autointel memory reembed" in refused.stderr
    assert answered(data, "memory", "reembed")["records"] == 63
    assert told(data) == before
    assert "63 records have vectors" in autointel(data, "memory", "reembed").stdout


def test_what_was_kept_long_enough_is_forgotten(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("almanac.vtt", "debate.opus"):
        ran = autointel(data, "run", str(EXAMPLES / name))
        assert ran.exit_code == 0, ran.stderr
    assert autointel(data, "memory", "prune").exit_code == 5
    assert answered(data, "memory", "prune", "--days", "1") == {"forgotten": []}
    [almanac] = (
        path.parent.name
        for path in (data / "runs").glob("*/run.json")
        if "almanac" in json.loads(path.read_text())["input"]
    )
    days_ago = time.time() - 3 * 86_400
    for path in (data / "runs" / almanac).rglob("*"):
        os.utime(path, (days_ago, days_ago))
    with closing(sqlite3.connect(data / "memory" / "outbox.sqlite")) as outbox, outbox:
        outbox.execute("UPDATE held SET at = ? WHERE source = ?", (days_ago, almanac))
    ran = autointel(data, "run", str(EXAMPLES / "debate.opus"), AUTOINTEL_RETENTION_DAYS="2")
    assert ran.exit_code == 0, ran.stderr
    assert not (data / "runs" / almanac).exists()
    left = {hit["source"] for hit in answered(data, "search", "moon")}
    assert left == {"People or robots: who should explore Mars?"}
    pruned = autointel(data, "memory", "prune", "--days", "2").stdout
    assert "0 recordings forgotten" in pruned


def test_readers_say_who_is_the_same(heard: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    copied(heard, data)
    mars, moon = (len(answered(data, "timeline", name)) for name in ("mars", "moon"))
    assert mars
    assert moon
    assert "are one from now on" in autointel(data, "memory", "same", "mars", "moon").stdout
    assert len(answered(data, "timeline", "mars")) == mars + moon
    assert len(answered(data, "memory", "apart", "mars", "moon")["sources"]) == 2
    assert len(answered(data, "timeline", "mars")) == mars
    unknown = autointel(data, "memory", "same", "mars", "zirconium")
    assert unknown.exit_code == 3
    assert "zirconium" in unknown.stderr


def test_what_cannot_be_done_is_said(heard: Path, tmp_path: Path) -> None:
    unknown = autointel(heard, "memory", "forget", "nothing of that name")
    assert unknown.exit_code == 3
    assert "No recording is called" in unknown.stderr
    missing = autointel(heard, "memory", "import", str(tmp_path / "missing.zip"))
    assert missing.exit_code == 3
    assert "There is no file" in missing.stderr
    bundle = tmp_path / "memory.zip"
    answered(heard, "memory", "export", str(bundle))
    other = autointel(tmp_path / "data", "memory", "import", str(bundle), AUTOINTEL_TENANT="you")
    assert other.exit_code == 3
    assert "AUTOINTEL_TENANT=local" in other.stderr


def test_a_forgotten_recording_leaves_no_trace_on_disk(tmp_path: Path) -> None:
    data = tmp_path / "data"
    recording = tmp_path / "secret.vtt"
    sentence = "In 1997, the zirconium mine of Obersdorf produced 4,000 tonnes of ore."
    recording.write_text(f"WEBVTT\n\n00:01.000 --> 00:06.000\n<v Eve>{sentence}\n")
    ran = autointel(data, "run", str(recording), "--depth", "deep")
    assert ran.exit_code == 0, ran.stderr
    (claim,) = answered(data, "claims")
    assert claim["text"] == sentence
    answered(data, "memory", "forget", claim["source_id"])
    assert answered(data, "claims") == []
    left = [
        path for path in data.rglob("*") if path.is_file() and b"zirconium" in path.read_bytes()
    ]
    assert left == []
