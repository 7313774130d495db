"""Messages show the most important first, keep to Discord's limits and let no markup in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bot_screens import (
    ADDRESSES,
    EVIL,
    PHASES,
    SAID,
    VIDEO,
    assert_accepted,
    assert_harmless,
    evidence,
    in_order,
    report,
    shown,
)
from ultimate_discord_intelligence_bot.discord_bot.screens import (
    SHOWN,
    TARGET,
    Action,
    Button,
    Links,
    PhaseState,
    Screen,
    Target,
    cancelled,
    claims_page,
    failed,
    left,
    progress,
    queue_full,
    result,
)
from ultimate_discord_intelligence_bot.jobs.board import name_of
from ultimate_discord_intelligence_bot.jobs.job import Job
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.report import Missing, Report
from ultimate_discord_intelligence_bot.models.transcript import Transcript
from ultimate_discord_intelligence_bot.models.verification import (
    Label,
    Verdict,
)
from ultimate_discord_intelligence_bot.plans import Phase
from ultimate_discord_intelligence_bot.settings import Depth

LINKS = Links("bot-0f3c")


def buttons_of(screen: Screen) -> dict[str, Button]:
    return {button.label: button for row in screen.rows for button in row}


# -- a result ------------------------------------------------------------------------------------


def test_what_may_be_wrong_is_said_first() -> None:
    text = shown(result(report(), LINKS))
    assert in_order(
        text,
        "Mars or not",
        "✗ 1 Refuted · ≠ 1 Conflicting Evidence/Cherrypicking · ✓ 1 Supported · ? 1 Not Enough",
        "7 checkable claims, 4 checked.",
        "20:34",
        "Transcript: human captions.",
        "Claims, what may be wrong first",
        "✗ **Refuted** (right in 90% of such cases, measured): [0:10]",
        "Key points",
        "Contradictions (1)",
        "Possible fallacies (7)",
        "Positions",
        "Emotions",
        "[Full report]",
    )


def test_a_claim_leads_to_its_moment_and_its_verdict_to_the_evidence() -> None:
    text = shown(result(report(), LINKS))
    assert f"[0:10]({VIDEO}&t=10s) **Ruth**: “Twelve people walked on the Moon.”" in text
    assert "Against: [Twelve people walked on the Moon.](https://en.wikipedia.org/wiki/" in text


def test_without_a_decided_claim_nothing_is_made_of_it() -> None:
    undecided = report(labels=(Label.NOT_ENOUGH_EVIDENCE,) * 7)
    text = shown(result(undecided, LINKS))
    assert in_order(
        text,
        "**No claim was confirmed or refuted.**",
        "That says nothing about whether they are true.",
        "Key points",
        "Most check-worthy claims",
    )


def test_a_claim_that_something_speaks_against_comes_before_those_nothing_is_known_of() -> None:
    doubted = Verdict(
        claim="4",
        label=Label.NOT_ENOUGH_EVIDENCE,
        evidence=(evidence("said elsewhere", source_id="s", start=70.0, url=f"{VIDEO}&t=70s"),),
        explanation="Settles nothing.",
    )
    plain = report(labels=(Label.NOT_ENOUGH_EVIDENCE,) * 4)
    verdicts = (*(plain.verdicts or ()), doubted)
    text = shown(result(plain.model_copy(update={"verdicts": verdicts}), LINKS))
    assert "Something speaks against 1 of them, see below." in text
    assert in_order(text, "Claims, what may be wrong first", SAID[4], "Against: [1:10]", SAID[0])


def test_the_confidence_says_whose_it_is() -> None:
    judged = Verdict(
        claim="0",
        label=Label.REFUTED,
        evidence=(evidence("x"),),
        explanation="No.",
        confidence=0.8,
        method="some-model",
    )
    text = shown(result(report(verdicts=[judged]), LINKS))
    assert "(some-model calls itself 80% sure)" in text


def test_words_that_are_no_quotes_are_not_quoted() -> None:
    rough = Transcript(
        segments=(), origin="low-accuracy speech recognition", notes=("Do not quote it.",)
    )
    text = shown(result(report(transcript=rough, verdicts=None), LINKS))
    assert "≈ marks what a low-accuracy recogniser heard" in text
    assert f"≈ {SAID[0]}" in text
    assert "“" not in text
    assert "Note: Do not quote it." in text


def test_words_that_a_machine_wrote_are_said_to_be() -> None:
    heard = Transcript(segments=(), origin="speech recognition")
    assert "A machine wrote it" in shown(result(report(transcript=heard), LINKS))


def test_what_is_missing_is_announced_and_explained() -> None:
    lost = report(
        verdicts=None,
        missing=[Missing(stage="verdicts", reason="No source answered.", remedy="Try later.")],
    )
    text = shown(result(lost, LINKS))
    assert in_order(text, "⚠ **Incomplete**, without verdicts", "Missing", "No source answered.")
    assert "Try later." in text
    assert "Not looked for" not in text


def test_what_was_not_looked_for_is_told_apart_from_what_was_not_found() -> None:
    less = report(contradictions=None, fallacies=[])
    text = shown(result(less, LINKS))
    assert "Looked for and not found: fallacies." in text
    assert "Not looked for at depth deep: contradictions." in text


def test_the_next_depth_is_offered_until_there_is_none() -> None:
    assert "Run deeper: comprehensive" in buttons_of(result(report(), LINKS))
    deepest = buttons_of(result(report(depth="experimental"), LINKS))
    assert not [label for label in deepest if label.startswith("Run deeper")]


def test_the_full_report_is_opened_where_it_has_an_address_and_sent_where_it_has_none() -> None:
    web = buttons_of(result(report(), Links("job", "https://reports.example.org/1")))
    assert web["Full report"].url == "https://reports.example.org/1"
    assert buttons_of(result(report(), LINKS))["Full report"].url is None


def test_the_picture_is_told_in_words_as_well() -> None:
    screen = result(report(), LINKS)
    (file,) = screen.files
    assert file.data.startswith(b"\x89PNG")
    assert "Joy is highest at 3:10 (50%)" in file.alt
    assert file.alt in shown(screen)
    assert not result(report(emotion_timeline=None), LINKS).files


def test_a_local_file_is_no_link() -> None:
    local = Source(id="s", url="file:///home/me/secret.mp4", title="Mine", platform="file")
    screen = result(report(source=local, verdicts=None, contradictions=None), LINKS)
    assert "file://" not in shown(screen)
    assert screen.embeds[0].url is None


def test_with_long_addresses_the_links_go_before_the_words() -> None:
    source = Source(id="s", url="https://a.example/" + "x" * 360, title="T", platform="web")
    screen = result(report(source=source), LINKS)
    assert_accepted(screen)
    assert f"0:10 **Ruth**: “{SAID[1]}”" in shown(screen)


# -- pages of claims -----------------------------------------------------------------------------


def test_every_claim_is_on_one_page_with_the_reason_of_its_verdict() -> None:
    whole = report()
    pages = [claims_page(whole, number, LINKS) for number in range(2)]
    text = "\n".join(map(shown, pages))
    for said in SAID:
        assert text.count(f"**Ruth**: “{said}”") == 1
    assert in_order(text, "✗ **Refuted**", "≠ **Conf", "✓ **Supported**", "? **Not", "Not checked")
    assert "Because: Twelve people" in text
    assert "Page 1 of 2" in text


def test_one_can_turn_the_pages() -> None:
    first, last = (buttons_of(claims_page(report(), number, LINKS)) for number in (0, 1))
    assert first["Previous"].disabled
    assert last["Next"].disabled
    assert Target.parse(first["Next"].custom_id or "") == Target(Action.CLAIMS, "bot-0f3c", 1)
    assert list(buttons_of(claims_page(report(SAID[:2]), 0, LINKS))) == ["Overview"]


@pytest.mark.parametrize("number", [-1, 99])
def test_a_page_that_is_not_there_is_the_nearest_one(number: int) -> None:
    near = 0 if number < 0 else 1
    assert claims_page(report(), number, LINKS) == claims_page(report(), near, LINKS)


def test_a_report_without_claims_has_a_page_that_says_so() -> None:
    assert "No checkable claims" in shown(claims_page(report(claims=[]), 0, LINKS))


def test_ten_thousand_claims_fit() -> None:
    long = tuple(f"Claim {n}: " + "very long words " * 50 for n in range(10_000))
    huge = report(long, (Label.REFUTED,) * 10_000)
    for screen in (result(huge, LINKS), claims_page(huge, 1999, LINKS)):
        assert_accepted(screen)
    assert "… and 9995 more" in shown(result(huge, LINKS))
    assert "All 10000 claims" in buttons_of(result(huge, LINKS))


# -- whatever is in it ---------------------------------------------------------------------------


@st.composite
def hostile_reports(draw: st.DrawFn) -> Report:
    texts = tuple(draw(st.lists(EVIL, max_size=9)))
    some = report(texts, tuple(draw(st.lists(st.sampled_from(list(Label)), max_size=9))))
    evil, url = draw(EVIL), draw(ADDRESSES)
    rough = draw(st.booleans())
    verdicts = tuple(
        verdict.model_copy(
            update={
                "method": draw(st.sampled_from(("comparison", evil))),
                "evidence": tuple(
                    found.model_copy(update={"url": url, "title": evil, "reason": evil})
                    for found in verdict.evidence
                ),
            }
        )
        for verdict in some.verdicts or ()
    )
    segments = some.transcript.segments
    origin = "low-accuracy speech recognition" if rough else "automatic captions"
    changes: dict[str, Any] = {
        "source": Source(id="s", url=url, title=evil, platform="web", uploader=evil),
        "verdicts": verdicts,
        "notes": (evil,),
        "depth": evil,
        "missing": tuple(Missing(stage=evil, reason=text, remedy=evil) for text in texts),
        "transcript": Transcript(segments=segments, origin=origin, notes=(evil,)),
    }
    keys = draw(st.sets(st.sampled_from(sorted(changes))))
    return some.model_copy(update={key: changes[key] for key in keys})


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(hostile_reports())
def test_no_report_breaks_a_limit_or_out_of_its_place(hostile: Report) -> None:
    assert_harmless(result(hostile, LINKS))
    for number in range(2):
        page = claims_page(hostile, number, LINKS)
        assert_harmless(page)
        assert "more" not in (page.embeds[0].description or "").rsplit("\n", 1)[-1][:6]


def test_every_claim_of_a_page_is_there_however_long_they_are() -> None:
    long = tuple("\\*" * 2000 for _ in range(SHOWN))
    page = claims_page(report(long, (Label.CONFLICTING,) * SHOWN), 0, LINKS)
    assert_accepted(page)
    for place in range(1, SHOWN + 1):
        assert f"**{place}.**" in shown(page)


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(EVIL, EVIL, st.floats(-1e9, 1e9), st.integers(-1, 10**6))
def test_no_other_screen_breaks_a_limit_either(
    evil: str, other: str, number: float, count: int
) -> None:
    states = [PhaseState(phase, "running", number, number, evil) for phase in Phase]
    for screen in (
        progress(states, number, None, None, job="j", name=evil),
        progress(states, number, number, count, job="j", name=evil),
        failed(evil or "x", other or "y", job="j"),
        cancelled(evil, job="j"),
        left(evil, job="j"),
        queue_full(count, abs(number)),
    ):
        assert_harmless(screen)


# -- the rest ------------------------------------------------------------------------------------


def test_progress_tells_each_phase_by_a_sign_and_a_word() -> None:
    text = shown(
        progress(
            [
                PhaseState(Phase.ACQUISITION, "done", 3),
                PhaseState(Phase.TRANSCRIPTION, "running", 70, 0.42, "recognising speech"),
                PhaseState(Phase.ANALYSIS, "waiting"),
            ],
            73,
            200,
            None,
            job="j",
            name="Mars or not",
        )
    )
    assert "1:13 so far, about 2:07 left." in text
    assert "✓ **Acquisition**: done, 0:03" in text
    assert "▸ **Transcription**: running, 42%, 1:10, recognising speech" in text
    assert "○ **Analysis**: waiting" in text
    assert "[Cancel]" in text


@pytest.mark.parametrize(
    ("estimated", "place", "expected"),
    [
        (None, None, "not known yet"),
        (30.0, None, "longer than the 0:30 expected"),
        (None, 0, "Next in line"),
        (None, 1, "1 run goes first."),
        (100.0, 7, "7 runs go first."),
    ],
)
def test_progress_is_honest_about_time(
    estimated: float | None, place: int | None, expected: str
) -> None:
    assert expected in shown(progress([], 73, estimated, place, job="j", name="n"))


def test_what_failed_says_what_to_do() -> None:
    screen = failed("The video is private.", "Ask its owner.", job="j")
    assert in_order(shown(screen), "Failed", "private", "What to do", "Ask its", "[Try again]")
    assert not failed("No.", "Log in.").rows


def test_a_full_queue_says_when_to_come_back() -> None:
    assert "50 runs wait already" in shown(queue_full(50, 600))
    assert "ask again in about 10 minutes" in shown(queue_full(50, 600))
    assert "in about 2 hours" in shown(queue_full(50, 7000))
    assert "ask again later" in shown(queue_full(1))


# -- buttons -------------------------------------------------------------------------------------


@given(
    st.sampled_from(Action),
    st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True),
    st.integers(0, 999_999),
)
def test_a_button_says_what_it_asks_for(action: Action, job: str, page: int) -> None:
    custom_id = str(Target(action, job, page))
    assert len(custom_id) <= 100
    assert custom_id == f"autointel:{action}:{job}:{page}"
    assert Target.parse(custom_id) == Target(action, job, page)


@given(st.text(max_size=120) | st.from_regex(TARGET))
def test_what_is_parsed_is_what_was_written(custom_id: str) -> None:
    target = Target.parse(custom_id)
    assert target is None or str(target) == custom_id


@pytest.mark.parametrize("job", ["", "a:b", "ä", "x" * 65, "a b", "a\n"])
def test_no_button_can_be_made_for_what_is_no_job(job: str) -> None:
    with pytest.raises(ValueError, match="no button"):
        str(Target(Action.CLAIMS, job))


def test_the_ids_of_the_board_fit() -> None:
    job = Job(url=VIDEO, depth=Depth.DEEP, tenant="guild-1")
    assert Target.parse(str(Target(Action.REPORT, name_of(job, "discord"), 0)))
