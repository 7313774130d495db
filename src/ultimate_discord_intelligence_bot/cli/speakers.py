"""``autointel speakers``: who speaks in a recording, and what they are called."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.markup import escape

from ..acquisition import parse_locator
from ..autonomous_orchestrator import AutonomousIntelligenceOrchestrator, RunResult
from ..briefing.wording import clock, one_line
from ..errors import InputError, StorageError
from ..models.report import Report
from ..models.transcript import Transcript
from ..observability import configure_logging
from ..runs import OF_THE_MOMENT, Run, RunCard, find_card
from ..settings import Settings, load_settings
from . import signals
from .terminal import Exit, orderly_exit, show_error, stderr, stdout

_ASSIGNMENT = re.compile(r"(\d+)=(.*)", re.DOTALL)
_ID = re.compile(r"[0-9a-f-]{4,36}")
_LONGEST_NAME = 80
_SAMPLE_WORDS = 6


@dataclass(frozen=True)
class Speaker:
    """One voice of a recording. ``seconds`` is how long it speaks, ``sample`` what it says."""

    number: int
    name: str
    seconds: float
    sample: str


def speakers(name: str, assignments: Sequence[str], *, reset: bool, as_json: bool) -> int:
    """Print the speakers of a run, or name them and renew its briefing; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        card = _card(settings, name)
        # As it was done before, so that what is done is found again.
        now = settings.model_dump(include=OF_THE_MOMENT)
        settings = load_settings(**card.settings | now)
        run = Run(parse_locator(card.input, allow_files=True), card.depth, settings)
        report = _report(card)
        run.meet(report.source.id)
        given = _given(assignments, _speakers(report.transcript))
        if given or reset:
            run.name_speakers(_names({} if reset else run.speaker_names, given))
            result = _renew(card, settings)
            if result.error or result.report is None:
                show_error(result.error or StorageError("The briefing was not renewed."))
                return Exit.FAILED
            report = result.report
        found = _speakers(report.transcript)
        _print_json(found) if as_json else _print(found, card, renewed=bool(given) or reset)
        return Exit.COMPLETE


def _card(settings: Settings, name: str) -> RunCard:
    if _ID.fullmatch(name):
        return find_card(settings, name)
    locator = parse_locator(name, allow_files=True)
    return find_card(settings, Run(locator, settings.depth, settings).id)


def _report(card: RunCard) -> Report:
    path = card.out / "report.json"
    try:
        return Report.decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(
            f"The briefing {path} cannot be read.", "Repeat `autointel run` for it."
        ) from error


def _speakers(transcript: Transcript) -> list[Speaker]:
    """Everybody who is named, in order of appearance."""
    return [
        _speaker(number, name, transcript) for number, name in enumerate(transcript.speakers, 1)
    ]


def _speaker(number: int, name: str, transcript: Transcript) -> Speaker:
    said = [segment for segment in transcript.segments if segment.speaker == name]
    telling = (s.text for s in said if len(s.text.split()) >= _SAMPLE_WORDS)
    seconds = sum(segment.end - segment.start for segment in said)
    return Speaker(number, name, round(seconds, 1), next(telling, said[0].text))


def _given(assignments: Sequence[str], known: Sequence[Speaker]) -> dict[str, str]:
    """New names by the names of now."""
    given = {}
    for text in assignments:
        match = _ASSIGNMENT.fullmatch(text.strip())
        name = one_line(match[2])[:_LONGEST_NAME] if match else ""
        if match is None or not name:
            raise InputError(f"“{text}” names nobody.", 'Write a number and a name: 1="Ada".')
        number = int(match[1])
        if not 1 <= number <= len(known):
            raise InputError(
                f"There is no speaker {number}; the recording has {len(known)}.",
                "Leave the names out to see them all.",
            )
        given[known[number - 1].name] = name
    return given


def _names(kept: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Names by the label in the transcript: those kept, renewed where their name changes."""
    renewed = {label: given.get(name, name) for label, name in kept.items()}
    fresh = {name: new for name, new in given.items() if name not in kept.values()}
    return renewed | fresh


def _renew(card: RunCard, settings: Settings) -> RunResult:
    orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
    return signals.run(
        orchestrator.execute_autonomous_intelligence_workflow(card.input, card.depth, out=card.out)
    )


def _print_json(found: Sequence[Speaker]) -> None:
    rows = [asdict(speaker) for speaker in found]
    print(json.dumps(rows, ensure_ascii=False, indent=1))  # noqa: T201


def _print(found: Sequence[Speaker], card: RunCard, *, renewed: bool) -> None:
    if not found:
        stderr.print(
            "No speaker is known: the captions name none. AUTOINTEL_DIARIZATION=true estimates "
            "them by their voices."
        )
    for speaker in found:
        stdout.print(
            f"{speaker.number:>3}  {escape(speaker.name)}  [dim]{clock(speaker.seconds)}[/]  "
            f"“{escape(one_line(speaker.sample))}”"
        )
    if renewed:
        stdout.print(f"Briefing: {escape(str(card.out))}/report.html")
