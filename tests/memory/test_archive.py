"""Verdicts reached before."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.memory.archive import Archive
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.verification import Earlier, Evidence, Label, Verdict

TALK = Source(id="talk", url="https://example.org/talk", title="A talk", platform="example")
SHOW = Source(id="show", url="https://example.org/show", title="A show", platform="example")
ROME = "Rome is in Italy."
LONG_AGO = date(1900, 1, 1)


def verdict(label: Label = Label.SUPPORTED, checked: date = date(2024, 5, 1)) -> Verdict:
    evidence = Evidence(
        source_id="s",
        title="Atlas",
        url="https://example.org/atlas",
        published=None,
        passage=ROME,
        start=None,
        speaker=None,
        found_by="your documents",
        similarity=1,
        stance="supports",
    )
    return Verdict(claim="c", label=label, evidence=(evidence,), explanation="So.", checked=checked)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "verdicts.sqlite")


def keep(archive: Archive, source: Source, found: Verdict, text: str = ROME) -> None:
    asyncio.run(archive.keep("me", source, {text: found}))


def recall(archive: Archive, text: str = ROME, **options: object) -> Verdict | None:
    wanted = {"tenant": "me", "since": LONG_AGO, "besides": "another"} | options
    tenant = str(wanted.pop("tenant"))
    return archive.find_now(tenant, [text], **wanted).get(text)  # type: ignore[arg-type]


def test_a_verdict_is_found_again_by_the_words_of_the_claim_with_its_evidence(
    archive: Archive,
) -> None:
    keep(archive, TALK, verdict())
    found = recall(archive, "rome  IS in Italy.")
    assert found is not None
    assert found.evidence == verdict().evidence
    assert found.earlier == Earlier(title="A talk", url="https://example.org/talk")
    assert recall(archive, "Rome is in Spain.") is None


def test_what_decides_nothing_is_not_kept(archive: Archive) -> None:
    keep(archive, TALK, verdict(Label.NOT_ENOUGH_EVIDENCE))
    assert recall(archive) is None


def test_what_was_itself_found_again_is_not_made_younger(archive: Archive) -> None:
    again = verdict().model_copy(update={"earlier": Earlier(title="A talk", url="u")})
    keep(archive, SHOW, again)
    assert recall(archive) is None


def test_old_verdicts_another_tenant_s_and_one_s_own_do_not_count(archive: Archive) -> None:
    keep(archive, TALK, verdict(checked=date(2024, 5, 1)))
    assert recall(archive, since=date(2024, 5, 1)) is not None
    assert recall(archive, since=date(2024, 5, 2)) is None
    assert recall(archive, tenant="you") is None
    assert recall(archive, besides="talk") is None


def test_the_newest_verdict_wins(archive: Archive) -> None:
    keep(archive, SHOW, verdict(Label.REFUTED, date(2024, 6, 1)))
    keep(archive, TALK, verdict(Label.SUPPORTED, date(2024, 5, 1)))
    found = recall(archive)
    assert found is not None
    assert found.label is Label.REFUTED


def test_a_source_s_verdicts_are_replaced_as_a_whole(archive: Archive) -> None:
    keep(archive, TALK, verdict())
    keep(archive, TALK, verdict(), "Bern is in Switzerland.")
    assert recall(archive) is None
    assert recall(archive, "Bern is in Switzerland.") is not None


def test_thousands_of_claims_are_looked_up_at_once(archive: Archive) -> None:
    texts = {f"Claim number {n}.": verdict() for n in range(1_200)}
    asyncio.run(archive.keep("me", TALK, texts))
    found = archive.find_now("me", list(texts), since=LONG_AGO, besides="another")
    assert set(found) == set(texts)
