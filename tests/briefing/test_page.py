"""report.html, read without a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ultimate_discord_intelligence_bot.briefing import media_player, render_html
from ultimate_discord_intelligence_bot.models.analysis import (
    Chapter,
    Chapters,
    Claim,
    Claims,
    SegmentSentiment,
    Sentiment,
)
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.report import Method, Missing, Report
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript

HOSTILE = (
    '</script></style><script>alert(1)</script><img src=x onerror="alert(1)">\'"--><!-- {{7*7}}'
)


class Page(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.raw: dict[str, str] = {}
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style"):
            self.raw[self._inside] = data
        else:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def values(self, attribute: str) -> list[str]:
        return [found[attribute] for _, found in self.elements if attribute in found]


def _hostile(debate: Any) -> Report:
    segments = tuple(
        segment.model_copy(update={"text": HOSTILE, "speaker": HOSTILE})
        for segment in debate.segments
    )
    source = debate.source.model_copy(
        update={
            "title": HOSTILE,
            "platform": HOSTILE,
            "uploader": HOSTILE,
            "url": "javascript:alert(1)//",
        }
    )
    claims = debate.claims
    chapters = debate.chapters
    report: Report = debate.found_at(source).report(
        transcript=Transcript(segments=segments, origin="human captions", language=HOSTILE),
        claims=claims.model_copy(
            update={
                "claims": tuple(
                    claim.model_copy(update={"text": HOSTILE, "speaker": HOSTILE})
                    for claim in claims.claims
                )
            }
        ),
        key_points=debate.key_points.model_copy(
            update={
                "points": tuple(
                    point.model_copy(update={"text": HOSTILE}) for point in debate.key_points.points
                )
            }
        ),
        chapters=chapters.model_copy(
            update={
                "chapters": tuple(
                    chapter.model_copy(update={"title": HOSTILE, "phrases": (HOSTILE,)})
                    for chapter in chapters.chapters
                )
            }
        ),
        contradictions=None,
        missing=(Missing(stage=HOSTILE, reason=HOSTILE, remedy=HOSTILE),),
        methods=(Method(name=HOSTILE, description=HOSTILE),),
    )
    return report


def test_nothing_that_was_said_becomes_markup_or_script(debate: Any, sound: Path) -> None:
    page = Page(render_html(_hostile(debate), media_player(sound, sound.parent, 20)))
    tags = [tag for tag, _ in page.elements]
    scripts = [found.get("type") for tag, found in page.elements if tag == "script"]
    assert scripts == ["application/ld+json", None]
    assert tags.count("style") == 1
    assert "img" not in tags
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    assert "{{7*7}}" in page.text
    for address in page.values("href") + page.values("src"):
        assert address.startswith(("#", "data:", "https://example.org/"))


def test_the_policy_allows_our_style_and_script_and_no_other(report: Report) -> None:
    page = Page(render_html(report))
    (policy,) = (
        found["content"]
        for _, found in page.elements
        if found.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "media-src 'none'" in policy
    for tag in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.raw[tag].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not page.values("style")


@pytest.mark.parametrize("depth", ["standard", "comprehensive"])
def test_every_link_inside_the_page_leads_somewhere(debate: Any, sound: Path, depth: str) -> None:
    page = Page(render_html(debate.report(depth), media_player(sound, sound.parent, 20)))
    names = page.values("id")
    assert len(names) == len(set(names))
    for attribute in ("href", "for", "aria-labelledby"):
        for value in page.values(attribute):
            targets = value.split() if attribute != "href" else [value[1:]] * value.startswith("#")
            assert set(targets) <= set(names)


def test_claims_are_marked_in_the_transcript_with_their_verdict_in_words(report: Report) -> None:
    html = render_html(report)
    assert re.search(
        r"<mark class=\"refuted\">NASA swallows 25 percent of the federal budget of the United "
        r"States\.</mark> <a class=\"tag refuted\" href=\"#claim-8\"><span "
        r"aria-hidden=\"true\">✗</span> Refuted</a>",
        html,
    )


def test_a_claim_inside_a_sentence_is_marked_alone(debate: Any) -> None:
    whole = debate.claims.claims[0]
    parts = tuple(
        whole.model_copy(update={"id": text, "text": text})
        for text in ("twelve people walked", "people walked on the Moon", "1969")
    )
    html = render_html(debate.report("standard", claims=Claims(claims=parts, threshold=0.5)))
    assert re.search(
        r'dir="auto">Between <mark>1969</mark> <a [^>]+>Claim</a> and 1972, '
        r"<mark>twelve people walked</mark> <a [^>]+>Claim</a> on the Moon\.</span>",
        html,
    )


def test_a_depth_without_verdicts_says_so(plain: Report) -> None:
    page = Page(render_html(plain))
    assert "Not checked at this depth (standard)." in page.text
    assert "Supported" not in page.text


def test_what_is_missing_is_shown_with_reason_and_remedy(incomplete: Report) -> None:
    text = Page(render_html(incomplete)).text
    assert "This briefing is incomplete." in text
    assert "The sentiment model is damaged. Install again." in text
    assert "Missing: The sentiment model is damaged." in text


def test_without_media_times_lead_to_the_site(debate: Any) -> None:
    source = Source(
        id="debate", url="https://www.youtube.com/watch?v=abc", title="x", platform="youtube"
    )
    page = Page(render_html(debate.found_at(source).report()))
    assert "audio" not in [tag for tag, _ in page.elements]
    times = [found for tag, found in page.elements if found.get("class") == "time" and tag == "a"]
    assert len(times) > 40
    for found in times:
        assert re.search(r"[?&#]t=\d+", found["href"])
        assert "data-t" not in found


def test_captions_alone_give_a_page_to_read(debate: Any) -> None:
    source = debate.source.model_copy(update={"url": "file:///talks/debate.vtt"})
    page = Page(render_html(debate.found_at(source).report()))
    assert "audio" not in [tag for tag, _ in page.elements]
    assert "#s2" in page.values("href")


def test_small_media_is_inside_the_page_and_large_media_is_referred_to(
    report: Report, sound: Path, tmp_path: Path
) -> None:
    inside = media_player(sound, tmp_path, 20)
    assert inside.src.startswith("data:audio/ogg;base64,T2dn")
    outside = media_player(sound, tmp_path, 0.1)
    assert outside.src == sound.resolve().as_uri()
    near = tmp_path / "media" / "a #1 & b.opus"
    near.parent.mkdir()
    near.write_bytes(sound.read_bytes())
    beside = media_player(near, tmp_path, 0.1)
    assert beside.src == "media/a%20%231%20%26%20b.opus"
    assert "media-src 'self' file:;" in Page(render_html(report, beside)).values("content")[0]


def _hour(count: int = 700) -> dict[str, Any]:
    step = 3600 / count
    words = "This sentence about the budget of the city is about as long as most spoken ones are."
    segments = tuple(
        Segment(
            index=n,
            start=n * step,
            end=(n + 1) * step,
            text=f"{n} {words}",
            speaker="AB"[n // 3 % 2],
        )
        for n in range(count)
    )
    return {
        "transcript": Transcript(segments=segments, origin="automatic captions", language="en"),
        "chapters": Chapters(
            chapters=tuple(
                Chapter(
                    title=f"Part {n}",
                    first=n * 35,
                    last=n * 35 + 34,
                    start=segments[n * 35].start,
                    end=segments[n * 35 + 34].end,
                )
                for n in range(20)
            )
        ),
        "claims": Claims(
            claims=tuple(
                Claim(
                    id=str(segment.index),
                    text=segment.text,
                    segment=segment.index,
                    start=segment.start,
                    end=segment.end,
                    speaker=segment.speaker,
                    score=0.8,
                )
                for segment in segments[::3]
            ),
            threshold=0.5,
        ),
        "sentiment": Sentiment(
            segments=tuple(
                SegmentSentiment(segment=n, start=n * step, label="neutral", value=n % 7 / 7 - 0.4)
                for n in range(count)
            ),
            mean=0.0,
        ),
        "key_points": None,
    }


def test_an_hour_stays_light(debate: Any) -> None:
    html = render_html(debate.report("standard", **_hour()))
    assert len(html.encode()) < 1_500_000
    assert "1:00:00" in html


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_colour_is_readable_on_every_ground_by_day_and_night(report: Report) -> None:
    """WCAG 2.2 AA asks for a contrast of 4.5 (1.4.3)."""
    style = Page(render_html(report)).raw["style"]
    for palette in re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)[:2]:
        colours = dict(re.findall(r"--(\w+): (#\w{6})", palette))
        grounds = [colours[name] for name in ("paper", "card", "tint")]
        inks = ("ink", "soft", "accent", "supported", "refuted", "open", "conflicting")
        pairs = [(colours[ink], ground) for ink in inks for ground in grounds]
        for pair in [*pairs, (colours["ink"], colours["mark"])]:
            dark, light = sorted(map(_luminance, pair))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, pair


def test_words_that_were_only_roughly_heard_are_marked_as_such(plain: Report) -> None:
    rough = plain.transcript.model_copy(
        update={"origin": "low-accuracy speech recognition", "notes": ("It hissed.",)}
    )
    page = Page(render_html(plain.model_copy(update={"transcript": rough})))
    assert ("body", {"class": "rough"}) in page.elements
    assert "It hissed." in page.text
    assert "verbatim" not in page.text
