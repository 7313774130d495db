"""How each stage of the plan is done: binds the rooms to a run.

Only here do the rooms meet: what one of them makes is handed to the next as an argument.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self

from . import acquisition, analysis, briefing, transcription, verification
from .analysis.reading import read_fallacies, read_perspectives, read_summary
from .checks import Checks
from .embedding import load_embedder
from .errors import LanguageUnsupported, NoAudio, TooLong
from .events import Progress
from .inputs import Inputs
from .llm import Mind
from .llm.prompts import (
    FALLACIES,
    OVERVIEW,
    PERSPECTIVES,
    POINTS,
)
from .memory import Memory, Servers, graph_of, links_of, open_memory, records_of
from .models.analysis import (
    Chapters,
    Claims,
    Emotions,
    Entities,
    Fallacies,
    KeyPoints,
    Perspectives,
    Sentiment,
    Summary,
    TrustSignals,
)
from .models.artifact import Vectors
from .models.media import Acquisition, Growing, Source
from .models.memory import Receipt
from .models.reasoning import Reasoned
from .models.report import Report
from .models.transcript import Diarization, Transcript
from .models.verification import (
    Connections,
    Contradictions,
)
from .reading import Reading
from .reasoning import asked_with, thought, whole
from .runner import Work
from .runs import Run
from .settings import Settings
from .streams import Streams
from .transcription import Heard


def memory_for(settings: Settings) -> Memory:
    """The memory in the data folder, for vectors of our embedder. Blocks; to be closed.

    Raises:
        StorageError: when the folder cannot be used or another process owns it.
    """
    embedder = load_embedder()
    return open_memory(
        settings.data_dir,
        embedder=embedder.name,
        dimension=embedder.dimension,
        servers=Servers.of(settings),
    )


class StageWork:
    """The work of every stage, bound to one run and to the memory.

    To be entered as a context: at its end nothing goes on in the background.
    """

    def __init__(self, run: Run, memory: Memory) -> None:
        self._run = run
        self._memory = memory
        self._listening: transcription.Listening | None = None
        self._reading = Reading()
        self._checks = Checks(run, memory)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop_listening()
        await asyncio.to_thread(self._checks.close)

    def all(self) -> dict[str, Work]:
        """How to do each stage, by its name."""
        settings = self._run.settings
        return {
            "acquisition": Work(
                Acquisition,
                self._acquire,
                self._what_is_asked_for,
                bring=self._run.bring,
                holds=_media_is_there,
                then=self._meet,
            ),
            "transcription": Work(Transcript, self._transcribe, self._how_to_transcribe),
            "diarization": Work(Diarization, self._diarize),
            "speakers": Work(Transcript, self._name_speakers, self._what_they_are_called),
            "embedding": Work(Vectors, self._embed, self._which_embedder, ahead=self._embed_ahead),
            "chapters": Work(Chapters, self._find_chapters),
            "claims": Work(Claims, self._detect_claims),
            "sentiment": Work(Sentiment, self._score_sentiment),
            "emotions": Work(Emotions, self._trace_emotions),
            "fallacies": Work(
                Fallacies,
                self._find_fallacies,
                asked_with(settings, FALLACIES),
                holds=whole,
            ),
            "entities": Work(Entities, self._find_entities),
            "key_points": Work(KeyPoints, self._pick_key_points),
            "summary": Work(
                Summary,
                self._summarise,
                asked_with(settings, POINTS, OVERVIEW),
                holds=whole,
            ),
            "perspectives": Work(
                Perspectives,
                self._find_perspectives,
                asked_with(settings, PERSPECTIVES),
                holds=whole,
            ),
            **self._checks.all(),
            "signals": Work(TrustSignals, self._gather_signals),
            "vector_memory": Work(Receipt, self._remember_vectors, self._which_memory, version=2),
            "graph_memory": Work(Receipt, self._remember_graph, self._which_memory),
            "briefing": Work(Report, self._brief, self._what_was_asked, tells_missing=True),
        }

    # -- what an artifact depends on besides its inputs -------------------------------------

    def _what_is_asked_for(self) -> dict[str, Any]:
        settings = self._run.settings
        return {
            "fingerprint": acquisition.fingerprint(self._run.locator),
            "language": settings.language,
        }

    def _how_to_transcribe(self) -> dict[str, Any]:
        settings = self._run.settings
        return {"engine": transcription.engine(settings), "language": settings.language}

    def _what_they_are_called(self) -> dict[str, Any]:
        return {"names": self._run.speaker_names}

    def _which_embedder(self) -> dict[str, Any]:
        return {"embedder": load_embedder().name, "branches": analysis.branches_digest()}

    def _which_memory(self) -> dict[str, Any]:
        return {"memory": self._memory.identity}

    def _what_was_asked(self) -> dict[str, Any]:
        return {"depth": self._run.depth}

    # -- acquisition and transcription ------------------------------------------------------

    async def _acquire(self, inputs: Inputs, progress: Progress) -> Acquisition:
        growing = None
        if self._run.settings.streams:
            growing = partial(self._listen, inputs.streams["transcription"].tell)
        acquired = await acquisition.acquire(self._run, progress, growing)
        await self._run.share(acquired)
        return acquired

    def _listen(self, tell: Callable[[Heard], None], growing: Growing) -> None:
        self._listening = transcription.listen(growing, self._run.settings, tell)

    async def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.cancel()

    def _meet(self, acquired: Acquisition) -> None:
        lasts, longest = acquired.source.duration, self._run.settings.max_duration_hours * 3600
        # It may have been fetched by a run that was allowed more.
        if lasts is not None and lasts > longest:
            raise TooLong(f"It lasts {lasts / 3600:.1f} hours; the limit is {longest / 3600:g}.")
        self._run.meet(acquired.source.id)

    async def _transcribe(self, inputs: Inputs, progress: Progress) -> Transcript:
        acquired = inputs.need("acquisition", Acquisition)
        try:
            return await transcription.transcribe(
                acquired,
                self._run.settings,
                progress,
                self._listening,
                inputs.streams["transcription"].tell,
            )
        finally:
            await self._stop_listening()

    async def _diarize(self, inputs: Inputs, progress: Progress) -> Diarization:
        media = inputs.need("acquisition", Acquisition).media
        if inputs.need("transcription", Transcript).speakers:
            return Diarization(turns=())
        if media is None:
            raise NoAudio("Without the sound nobody can tell the speakers apart.")
        stop = threading.Event()
        try:
            return await asyncio.to_thread(transcription.diarize, media.path, progress, stop)
        finally:
            stop.set()

    async def _name_speakers(self, inputs: Inputs, progress: Progress) -> Transcript:
        transcript = inputs.need("transcription", Transcript)
        if turns := inputs.find("diarization", Diarization):
            transcript = transcription.assign(transcript, turns)
        names = await asyncio.to_thread(lambda: self._run.speaker_names)
        return transcription.rename(transcript, names)

    # -- analysis -----------------------------------------------------------------------------

    async def _embed(self, inputs: Inputs, progress: Progress) -> Vectors:
        transcript = inputs.need("transcription", Transcript)
        return await asyncio.to_thread(self._reading.whole, transcript, progress)

    async def _embed_ahead(self, streams: Streams) -> None:
        """Read what is heard while the rest is still listened to."""
        async for heard in streams["transcription"].heard():
            for part in heard:
                await asyncio.to_thread(self._reading.ahead, part.texts, part.language)

    async def _find_chapters(self, inputs: Inputs, progress: Progress) -> Chapters:
        marks = inputs.need("acquisition", Acquisition).source.chapters
        return await asyncio.to_thread(analysis.find_chapters, *_understood(inputs), marks)

    async def _detect_claims(self, inputs: Inputs, progress: Progress) -> Claims:
        spoken = _understood(inputs)
        return await asyncio.to_thread(analysis.detect_claims, *spoken, self._run.source_id)

    async def _score_sentiment(self, inputs: Inputs, progress: Progress) -> Sentiment:
        return await asyncio.to_thread(analysis.score_sentiment, *_understood(inputs))

    async def _trace_emotions(self, inputs: Inputs, progress: Progress) -> Emotions:
        return await asyncio.to_thread(analysis.trace_emotions, *_understood(inputs))

    async def _find_fallacies(self, inputs: Inputs, progress: Progress) -> Fallacies:
        async def local() -> Fallacies:
            return await asyncio.to_thread(analysis.find_fallacies, *_understood(inputs))

        async def model(mind: Mind) -> Fallacies:
            transcript = inputs.need("speakers", Transcript)
            return await read_fallacies(mind, transcript, inputs.find("chapters", Chapters))

        return await thought(inputs, progress, self._run.settings.llm, local, model)

    async def _find_entities(self, inputs: Inputs, progress: Progress) -> Entities:
        return await asyncio.to_thread(analysis.find_entities, *_understood(inputs))

    async def _pick_key_points(self, inputs: Inputs, progress: Progress) -> KeyPoints:
        return await asyncio.to_thread(
            analysis.pick_key_points,
            *_understood(inputs),
            inputs.need("chapters", Chapters),
            inputs.find("claims", Claims),
        )

    async def _summarise(self, inputs: Inputs, progress: Progress) -> Summary:
        chapters = inputs.need("chapters", Chapters)

        async def local() -> Summary:
            points = inputs.need("key_points", KeyPoints)
            return await asyncio.to_thread(
                analysis.summarise, *_understood(inputs), chapters, points
            )

        async def model(mind: Mind) -> Summary:
            transcript = inputs.need("speakers", Transcript)
            return await read_summary(mind, transcript, chapters, await local())

        return await thought(inputs, progress, self._run.settings.llm, local, model)

    async def _find_perspectives(self, inputs: Inputs, progress: Progress) -> Perspectives:
        chapters = inputs.need("chapters", Chapters)

        async def local() -> Perspectives:
            claims = inputs.find("claims", Claims)
            return await asyncio.to_thread(
                analysis.find_perspectives, *_understood(inputs), chapters, claims
            )

        async def model(mind: Mind) -> Perspectives:
            return await read_perspectives(mind, inputs.need("speakers", Transcript), chapters)

        return await thought(inputs, progress, self._run.settings.llm, local, model)

    # -- memory -------------------------------------------------------------------------------

    async def _gather_signals(self, inputs: Inputs, progress: Progress) -> TrustSignals:
        return await asyncio.to_thread(
            analysis.trust_signals,
            inputs.need("speakers", Transcript),
            inputs.need("claims", Claims),
            inputs.verdicts,
            inputs.find("fallacies", Fallacies),
            inputs.find("entities", Entities),
        )

    async def _remember_vectors(self, inputs: Inputs, progress: Progress) -> Receipt:
        source = inputs.need("acquisition", Acquisition).source
        transcript, vectors = inputs.spoken
        verdicts, tenant = inputs.verdicts, self._run.tenant
        # A run that checks nothing leaves what an earlier one has found out.
        labels = (
            await self._memory.labels(tenant, source.id)
            if verdicts is None
            else {verdict.claim: verdict.label.value for verdict in verdicts.verdicts}
        )
        records = records_of(source, tenant, transcript, inputs.find("claims", Claims), labels)
        return await self._memory.remember_vectors(source, self._run.tenant, records, vectors.array)

    async def _remember_graph(self, inputs: Inputs, progress: Progress) -> Receipt:
        source = inputs.need("acquisition", Acquisition).source
        transcript = inputs.need("speakers", Transcript)
        records = records_of(source, self._run.tenant, transcript, inputs.find("claims", Claims))
        await self._remember_verdicts(inputs, source)
        graph = graph_of(
            source,
            self._run.tenant,
            records,
            chapters=inputs.find("chapters", Chapters),
            claims=inputs.find("claims", Claims),
            entities=inputs.find("entities", Entities),
            fallacies=inputs.find("fallacies", Fallacies),
            perspectives=inputs.find("perspectives", Perspectives),
            verdicts=inputs.verdicts,
        )
        links = links_of(
            source.id,
            self._run.tenant,
            records,
            inputs.find("claims", Claims),
            inputs.find("connections", Connections),
        )
        graph = graph.model_copy(update={"links": links})
        if self._run.settings.defer_graph:
            return await self._memory.defer_graph(graph)
        return await self._memory.remember_graph(graph)

    async def _remember_verdicts(self, inputs: Inputs, source: Source) -> None:
        claims, verdicts = inputs.find("claims", Claims), inputs.verdicts
        if claims is None or verdicts is None:
            return
        alone = {c.id: c.text for c in claims.claims if verification.stands_alone(c)}
        kept = {alone[v.claim]: v for v in verdicts.verdicts if v.claim in alone}
        await self._memory.remember_verdicts(source, self._run.tenant, kept)

    # -- briefing -----------------------------------------------------------------------------

    async def _brief(self, inputs: Inputs, progress: Progress) -> Report:
        receipts = (inputs.find(name, Receipt) for name in ("vector_memory", "graph_memory"))
        return await asyncio.to_thread(
            briefing.compose,
            run_id=self._run.id,
            depth=self._run.depth,
            acquisition=inputs.need("acquisition", Acquisition),
            transcript=inputs.need("speakers", Transcript),
            chapters=inputs.find("chapters", Chapters),
            key_points=inputs.find("key_points", KeyPoints),
            claims=inputs.find("claims", Claims),
            sentiment=inputs.find("sentiment", Sentiment),
            summary=inputs.find("summary", Summary),
            fallacies=inputs.find("fallacies", Fallacies),
            perspectives=inputs.find("perspectives", Perspectives),
            emotions=inputs.find("emotions", Emotions),
            entities=inputs.find("entities", Entities),
            signals=inputs.find("signals", TrustSignals),
            verdicts=inputs.verdicts,
            evidence=inputs.evidence,
            contradictions=inputs.find("contradictions", Contradictions),
            receipts=tuple(receipt for receipt in receipts if receipt is not None),
            missing=inputs.missing,
            methods=(
                *analysis.describe(inputs.names, _models(inputs)),
                *verification.describe(inputs.verdicts),
            ),
        )


def _media_is_there(acquired: Acquisition) -> bool:
    return all(file.path.exists() for file in acquired.files)


def _understood(inputs: Inputs) -> tuple[Transcript, Vectors]:
    transcript, vectors = inputs.spoken
    if not analysis.applies_to(transcript.language):
        raise LanguageUnsupported(
            f"The recording is in {transcript.language!r}; this analysis knows English only."
        )
    return transcript, vectors


def _models(inputs: Inputs) -> dict[str, str]:
    """The language model behind each part that one has reasoned."""
    kinds: dict[str, type[Reasoned]] = {
        "summary": Summary,
        "fallacies": Fallacies,
        "perspectives": Perspectives,
    }
    parts = {name: inputs.find(name, kind) for name, kind in kinds.items()}
    return {name: part.model for name, part in parts.items() if part and part.model}
