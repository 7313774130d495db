"""Whole runs with a language model: real crews of real agents, before a server on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import content, execute
from tests.model_server import ModelServer, serving
from tests.newsroom import answer
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
)
from ultimate_discord_intelligence_bot.crew_builders import agent_prompts
from ultimate_discord_intelligence_bot.settings import Depth, load_settings

AUTOINTEL = Path(sys.executable).with_name("autointel")
Copy = Callable[[str], Path]

ASKED_AT = {
    Depth.STANDARD: {"overview of the recording", "Tell what is said"},
    Depth.DEEP: {"known to mislead", "Find who holds", "Rewrite each claim", "Judge the"},
    Depth.COMPREHENSIVE: set[str](),
    Depth.EXPERIMENTAL: {"You are the challenger"},
}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(answer) as stub:
        yield stub


def reasoned(folder: Path, source: Path, depth: str, server: ModelServer, **more: Any) -> Any:
    """A run with the language model of a server."""
    return execute(
        folder,
        source,
        depth,
        AUTOINTEL_LLM="openai/stub",
        AUTOINTEL_LLM_BASE_URL=server.url,
        AUTOINTEL_LLM_PRICE="1/4",
        AUTOINTEL_LLM_PATIENCE=8,
        **more,
    )


def asked(server: ModelServer) -> str:
    return "\n".join(request.prompt for request in server.seen)


@pytest.mark.parametrize("depth", Depth)
def test_specialists_of_every_depth_reason_with_the_model_whatever_the_flags(
    depth: Depth, debate: Path, fresh_copy: Copy, server: ModelServer
) -> None:
    server.latency = 0.05
    together = reasoned(fresh_copy("together"), debate, depth, server)
    questions = asked(server)
    at_once, server.most = server.most, 0
    alone = reasoned(fresh_copy("alone"), debate, depth, server, ENABLE_PARALLEL_AUTOINTEL=False)
    assert server.most == 1
    piped = reasoned(fresh_copy("piped"), debate, depth, server, ENABLE_PIPELINED_RUN=True)

    assert together.status == alone.status == piped.status == "complete"
    report = content(together)
    assert content(alone) == content(piped) == report
    assert together.spent == alone.spent == piped.spent
    assert together.spent.calls == len(server.seen) / 3
    assert together.spent.dollars > 0
    assert at_once > 1 or depth == "standard"
    order = list(Depth)
    for least, words in ASKED_AT.items():
        present = order.index(least) <= order.index(depth)
        assert all((each in questions) is present for each in words), least
    roles = {prompt.role for prompt in agent_prompts().values()}
    spoke = {role for role in roles if f"You are {role}." in questions}
    assert spoke == {"Content analyst"} | ({"Fact-checker"} if depth != "standard" else set())
    assert report["notes"] == []
    assert report["abstract"]
    for sentence in report["abstract"]:
        for quote in sentence["quotes"]:
            assert quote["text"] in sentence["text"]
            assert quote["text"] in report["transcript"]["segments"][quote["segment"]]["text"]


def test_a_verdict_of_the_model_carries_the_words_it_cites(
    debate: Path, fresh_copy: Copy, server: ModelServer
) -> None:
    report = content(reasoned(fresh_copy("data"), debate, "comprehensive", server))
    claims = {claim["item"]["id"]: claim["item"]["text"] for claim in report["claims"]}
    verdicts = {claims[v["claim"]]: v for v in report["verdicts"]}
    verdict = verdicts["One doctor, Valeri Polyakov, stayed in space for 437 days in a row."]
    assert (verdict["label"], verdict["method"]) == ("Supported", "openai/stub")
    cited = [e for e in verdict["evidence"] if e["stance"] == "supports"]
    assert [e["quote"] for e in cited] == ["Valeri Polyakov stayed in space for 437 days in a row."]
    open_ones = [v for v in verdicts.values() if v["label"] == "Not Enough Evidence"]
    assert open_ones
    assert all(v["confidence"] is None for v in open_ones)


@pytest.mark.parametrize("fault", ["401", "malformed", "prose"])
def test_where_the_model_gives_no_answer_the_local_analysts_take_over_and_the_briefing_says_so(
    fault: str, debate: Path, fresh_copy: Copy, server: ModelServer
) -> None:
    local = content(execute(fresh_copy("local"), debate, "experimental"))
    if fault == "prose":
        server.say = lambda _: "I would rather not."
    else:
        server.faults.extend([fault] * 500)  # type: ignore[list-item]
    result = reasoned(fresh_copy("data"), debate, "experimental", server)
    assert result.status == "complete"
    report = content(result)
    told = {name for note in report["notes"] for name in note.partition(":")[0].lower().split()}
    assert told - {"and"} == {"summary", "fallacies", "perspectives", "verdicts"}
    assert all("local analysts" in n or "AUTOINTEL_LLM" in n for n in report["notes"])
    for part in ("summary", "fallacies", "positions", "exchanges"):
        assert report[part] == local[part]
    assert [(v["claim"], v["label"]) for v in report["verdicts"]] == [
        (v["claim"], v["label"]) for v in local["verdicts"]
    ]
    assert result.out is not None
    assert "Done in another way than asked" in (result.out / "report.html").read_text()
    assert report["models"] == {}


def test_what_failed_is_asked_again_by_the_next_run_and_what_was_answered_is_not(
    debate: Path, fresh_copy: Copy, server: ModelServer
) -> None:
    folder = fresh_copy("data")

    def moody(messages: list[dict[str, Any]]) -> str:
        text = str(messages)
        return "No." if "known to mislead" in text else answer(messages)

    server.say = moody
    first = reasoned(folder, debate, "deep", server)
    assert [n for n in content(first)["notes"] if n.startswith("Fallacies")]
    server.say = answer
    before = len(server.seen)
    second = reasoned(folder, debate, "deep", server)
    assert content(second)["notes"] == []
    assert len(server.seen) == before + 1
    assert "known to mislead" in server.seen[-1].prompt
    assert "fallacies" not in second.reused
    assert {"summary", "perspectives", "verdicts"} <= set(second.reused)


def test_a_run_that_was_killed_goes_on_without_asking_again(
    debate: Path, fresh_copy: Copy, server: ModelServer
) -> None:
    server.latency = 0.3
    environment = {
        **os.environ,
        "AUTOINTEL_DATA_DIR": str(fresh_copy("data")),
        "AUTOINTEL_LLM": "openai/stub",
        "AUTOINTEL_LLM_BASE_URL": server.url,
    }
    command = [str(AUTOINTEL), "run", str(debate), "--depth", "experimental", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while server.answered < 9 and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    time.sleep(1)
    asked_before = [request.prompt for request in server.seen]
    second = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    assert json.loads(second.stdout)["status"] == "complete"
    asked_after = [request.prompt for request in server.seen[len(asked_before) :]]
    again = set(asked_before) & set(asked_after)
    assert len(again) <= 8  # those under way when it was killed
    assert len(set(asked_before) - again) > 0


def test_the_budget_caps_a_run_and_keeps_what_was_paid_for(
    debate: Path, fresh_copy: Copy, server: ModelServer
) -> None:
    folder = fresh_copy("data")
    full = reasoned(fresh_copy("full"), debate, "comprehensive", server)
    before = len(server.seen)
    capped = reasoned(folder, debate, "comprehensive", server, AUTOINTEL_LLM_TOKEN_BUDGET=12_000)
    assert capped.status == "complete"
    spent = capped.spent.prompt_tokens + capped.spent.completion_tokens
    assert 0 < spent <= 12_000
    assert 0 < capped.spent.calls < full.spent.calls
    report = content(capped)
    assert any("budget" in note and "AUTOINTEL_LLM_BUDGET" in note for note in report["notes"])
    assert len(report["verdicts"]) == len(content(full)["verdicts"])

    again = reasoned(folder, debate, "comprehensive", server)
    assert content(again)["verdicts"] == content(full)["verdicts"]
    assert len(server.seen) - before == full.spent.calls


def test_the_estimate_is_told_before_anything_is_asked_and_is_not_exceeded(
    debate: Path, data_dir: Path, server: ModelServer
) -> None:
    settings = load_settings(
        AUTOINTEL_DATA_DIR=data_dir,
        AUTOINTEL_LLM="openai/stub",
        AUTOINTEL_LLM_BASE_URL=server.url,
        AUTOINTEL_LLM_PRICE="1/4",
    )
    orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
    for depth in ("standard", "experimental"):
        told = asyncio.run(orchestrator.estimate(str(debate), depth))
        assert server.seen == []
        assert told.dollars is not None
        result = reasoned(data_dir, debate, depth, server)
        assert {"acquisition", "transcription", "embedding"} <= set(result.reused)
        assert 0 < result.spent.calls <= told.calls
        assert result.spent.dollars <= told.dollars
        server.seen.clear()


def test_another_recording_s_verdict_on_the_same_claim_is_used_again_with_its_date(
    debate: Path, fresh_copy: Copy, server: ModelServer, tmp_path: Path
) -> None:
    folder = fresh_copy("data")
    reasoned(folder, debate, "comprehensive", server)
    repeated = tmp_path / "second.vtt"
    claim = "One doctor, Valeri Polyakov, stayed in space for 437 days in a row."
    repeated.write_text(f"WEBVTT\n\n00:01.000 --> 00:06.000\n<v Eve>{claim}\n")
    before = len(server.seen)
    report = content(reasoned(folder, repeated, "comprehensive", server))
    (verdict,) = report["verdicts"]
    assert verdict["label"] == "Supported"
    assert verdict["earlier"]["title"].startswith("People or robots")
    assert verdict["checked"]
    assert not any("Judge the" in r.prompt for r in server.seen[before:])
    unwilling = content(
        reasoned(folder, repeated, "comprehensive", server, AUTOINTEL_VERDICT_DAYS=0)
    )
    assert unwilling["verdicts"][0]["earlier"] is None


def test_verdicts_that_decide_something_are_exported_as_claim_reviews(
    debate: Path, fresh_copy: Copy, server: ModelServer
) -> None:
    result = reasoned(fresh_copy("data"), debate, "comprehensive", server)
    report = content(result)
    reviews = json.loads((result.out / "claims.jsonld").read_text())
    decided = [v for v in report["verdicts"] if v["label"] != "Not Enough Evidence"]
    assert len(reviews) == len(decided) > 0
    review = reviews[0]
    assert (review["@context"], review["@type"]) == ("https://schema.org", "ClaimReview")
    assert review["claimReviewed"] == "Between 1969 and 1972, twelve people walked on the Moon."
    assert review["itemReviewed"]["author"]["name"] == "Ruth"
    assert review["reviewRating"]["alternateName"] == "Supported"
    assert review["citation"][0]["text"]
    page = (result.out / "report.html").read_text()
    embedded = page.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
    assert json.loads(embedded) == reviews
