"""From evidence to verdicts, a second opinion, and contradictions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ultimate_discord_intelligence_bot.models.analysis import Claim, Claims
from ultimate_discord_intelligence_bot.models.artifact import Vectors
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.memory import Hit
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript
from ultimate_discord_intelligence_bot.models.verification import (
    Assertions,
    EvidenceSet,
    Label,
    Verdict,
)
from ultimate_discord_intelligence_bot.verification import (
    Retriever,
    challenge,
    choose,
    find_contradictions,
    gather_from_memory,
    gather_from_transcript,
    judge,
)

WALKED = "Twelve people walked on the Moon."
TODAY = date(2024, 5, 1)
NINETEEN = "Nineteen people walked on the Moon."
SOURCE = Source(id="here", url="https://example.org/here", title="Here", platform="example")


def _claims(*texts: str, scores: tuple[float, ...] = ()) -> Claims:
    return Claims(
        threshold=0.5,
        claims=tuple(
            Claim(
                id=f"c{i}",
                text=text,
                segment=i,
                start=10.0 * i,
                end=10.0 * i + 5,
                speaker="Ann",
                score=scores[i] if scores else 0.9,
            )
            for i, text in enumerate(texts)
        ),
    )


def _transcript(*texts: str) -> Transcript:
    return Transcript(
        origin="human captions",
        segments=tuple(
            Segment(index=i, start=10.0 * i, end=10.0 * i + 5, text=text, speaker="Ann")
            for i, text in enumerate(texts)
        ),
    )


def _alike(count: int) -> Vectors:
    return Vectors(np.tile(np.eye(1, 4, dtype=np.float32), (count, 1)))


def _hit(text: str, source: str, score: float = 0.9) -> Hit:
    return Hit(
        id=f"{source}-{text}",
        kind="segment",
        text=text,
        start=3.0,
        end=6.0,
        speaker=None,
        source_id=source,
        source=f"The {source}",
        url=f"https://example.org/{source}#t=3",
        published=date(2020, 1, 2),
        score=score,
    )


def _remembering(*hits: Hit) -> Retriever:
    async def retrieve(vectors: NDArray[np.float32], limit: int) -> list[list[Hit]]:
        best = sorted(hits, key=lambda hit: -hit.score)[:limit]
        return [list(best) for _ in vectors]

    return retrieve


def _nothing_before(texts: Sequence[str]) -> dict[str, Verdict]:
    return {}


def _chosen(claims: Claims, limit: int | None = None) -> Assertions:
    return choose(claims, limit, _nothing_before)


async def _judged(*hits: Hit) -> tuple[Label, str, int]:
    chosen = _chosen(_claims(WALKED))
    evidence = await gather_from_memory(chosen, _alike(1).array, _remembering(*hits))
    [verdict] = judge(chosen, [evidence], TODAY).verdicts
    return verdict.label, verdict.explanation, len(verdict.evidence)


async def test_another_recording_can_support_a_claim() -> None:
    label, why, count = await _judged(_hit("12 people walked on the Moon.", "news"))
    assert label is Label.SUPPORTED
    assert why == "One other recording supports it (both say twelve)."
    assert count == 1


async def test_another_recording_can_refute_a_claim() -> None:
    label, why, _ = await _judged(_hit(NINETEEN, "news"), _hit(NINETEEN, "show"))
    assert label is Label.REFUTED
    assert why == "2 other recordings refute it (twelve against nineteen)."


async def test_two_that_disagree_are_conflicting_evidence() -> None:
    label, why, count = await _judged(_hit(NINETEEN, "news"), _hit(WALKED, "show"))
    assert label is Label.CONFLICTING
    assert "supports" in why
    assert "refutes" in why
    assert count == 2


async def test_what_is_only_similar_settles_nothing() -> None:
    label, why, count = await _judged(_hit("People walk their dogs on Mars.", "news"))
    assert label is Label.NOT_ENOUGH_EVIDENCE
    assert "settles nothing" in why
    assert count == 1


async def test_without_memory_there_is_not_enough_evidence() -> None:
    label, why, count = await _judged()
    assert label is Label.NOT_ENOUGH_EVIDENCE
    assert why.startswith("Nothing that was found")
    assert count == 0


async def test_what_is_not_similar_is_no_evidence() -> None:
    assert (await _judged(_hit(NINETEEN, "news", score=0.4)))[2] == 0


async def test_evidence_leads_back_to_its_moment() -> None:
    retrieve = _remembering(_hit(NINETEEN, "news"))
    found = await gather_from_memory(_chosen(_claims(WALKED)), _alike(1).array, retrieve)
    [evidence] = found.found["c0"]
    assert evidence.url == "https://example.org/news#t=3"
    assert (evidence.published, evidence.start) == (date(2020, 1, 2), 3.0)
    assert (evidence.found_by, evidence.passage) == ("memory", NINETEEN)


async def test_no_claims_need_no_memory() -> None:
    nothing = Vectors(np.zeros((0, 4), np.float32))
    none = _chosen(_claims())
    found = await gather_from_memory(none, nothing.array, _remembering())
    assert found == EvidenceSet(found={})
    hello = _transcript("Hello.")
    assert gather_from_transcript(none, nothing.array, hello, _alike(1), SOURCE) == found
    assert judge(none, [found], TODAY).verdicts == ()


def test_the_recording_itself_is_context_and_proves_nothing() -> None:
    chosen = _chosen(_claims(WALKED))
    transcript = _transcript(WALKED, "12 people walked on the Moon.", NINETEEN, "Good evening.")
    found = gather_from_transcript(chosen, _alike(1).array, transcript, _alike(4), SOURCE)
    evidence = found.found["c0"]
    assert [e.stance for e in evidence] == ["supports", "refutes", "related"]
    assert {e.found_by for e in evidence} == {"this recording"}
    assert evidence[0].url == "https://example.org/here#t=10"
    [verdict] = judge(chosen, [found], TODAY).verdicts
    assert verdict.label is Label.NOT_ENOUGH_EVIDENCE
    assert verdict.evidence == evidence
    assert "context" in verdict.explanation


def test_the_most_checkworthy_claims_are_checked() -> None:
    claims = _claims("a", "b", "c", scores=(0.5, 0.9, 0.7))
    for limit, expected in ((2, ["c1", "c2"]), (None, ["c0", "c1", "c2"])):
        verdicts = judge(_chosen(claims, limit), [], TODAY).verdicts
        assert [verdict.claim for verdict in verdicts] == expected


async def test_a_second_opinion_finds_what_speaks_against_a_verdict() -> None:
    chosen, vectors = _chosen(_claims(WALKED, "Nothing of note.")), _alike(2).array
    nearest = [_hit("12 people walked on the Moon.", f"s{i:02}", 0.9) for i in range(25)]
    retrieve = _remembering(*nearest, _hit(NINETEEN, "news", 0.5))
    evidence = await gather_from_memory(chosen, vectors, retrieve)
    first = judge(chosen, [evidence], TODAY)
    assert [v.label for v in first.verdicts] == [Label.SUPPORTED, Label.NOT_ENOUGH_EVIDENCE]
    second = await challenge(first, chosen, vectors, retrieve)
    assert [v.label for v in second.verdicts] == [Label.CONFLICTING, Label.NOT_ENOUGH_EVIDENCE]
    assert {e.stance for e in second.verdicts[0].evidence} == {"supports", "refutes"}
    assert "wider search found that one other recording refutes" in second.verdicts[0].explanation
    assert second.verdicts[1] == first.verdicts[1]


async def test_a_second_opinion_that_finds_nothing_says_so() -> None:
    chosen, vectors = _chosen(_claims(WALKED)), _alike(1).array
    retrieve = _remembering(_hit(WALKED, "news"), _hit("Cheese is old.", "show", 0.5))
    evidence = await gather_from_memory(chosen, vectors, retrieve)
    second = await challenge(judge(chosen, [evidence], TODAY), chosen, vectors, retrieve)
    assert second.verdicts[0].label is Label.SUPPORTED
    assert "through one passage found nothing against" in second.verdicts[0].explanation


async def test_a_contradiction_is_told_once_with_both_moments() -> None:
    claims = _claims(WALKED, "Good evening to all.", NINETEEN)
    transcript = _transcript(WALKED, "Good evening to all.", NINETEEN)
    found = await find_contradictions(claims, transcript, _alike(3), SOURCE, _remembering())
    [pair] = found.contradictions
    assert (pair.first.text, pair.second.text) == (WALKED, NINETEEN)
    assert (pair.first.start, pair.second.start) == (0.0, 20.0)
    assert pair.second.url == "https://example.org/here#t=20"
    assert pair.reason == "twelve against nineteen"


async def test_a_claim_is_held_against_everything_said_before_it() -> None:
    claims = _claims("Good evening to all.", WALKED)
    claims = claims.model_copy(update={"claims": claims.claims[1:]})
    transcript = _transcript(NINETEEN, WALKED)
    found = await find_contradictions(claims, transcript, _alike(2), SOURCE, _remembering())
    [pair] = found.contradictions
    assert (pair.first.text, pair.second.text) == (NINETEEN, WALKED)


async def test_a_claim_is_held_against_what_is_remembered() -> None:
    retrieve = _remembering(_hit(NINETEEN, "news"), _hit(WALKED, "show"))
    claims = _claims(WALKED)
    found = await find_contradictions(claims, _transcript(WALKED), _alike(1), SOURCE, retrieve)
    [pair] = found.contradictions
    assert (pair.first.source_id, pair.second.source_id) == ("here", "news")
    assert pair.second.url == "https://example.org/news#t=3"


async def test_nothing_said_contradicts_nothing() -> None:
    nothing = Vectors(np.zeros((0, 4), np.float32))
    found = await find_contradictions(_claims(), _transcript(), nothing, SOURCE, _remembering())
    assert found.contradictions == ()
