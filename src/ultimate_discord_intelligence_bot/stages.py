"""How each stage of the plan is done: binds the rooms to a run.

Only here do the rooms meet: what one of them makes is handed to the next as an argument.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, timedelta
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from . import acquisition, analysis, briefing, knowledge, transcription, verification
from .analysis.reading import read_fallacies, read_perspectives, read_summary
from .embedding import load_embedder
from .errors import LanguageModelError, LanguageUnsupported, NoAudio, TranscriptUncertain
from .events import Progress
from .llm import Mind, Prompt
from .llm.prompts import (
    ASSERTIONS,
    CHALLENGE,
    FALLACIES,
    OVERVIEW,
    PERSPECTIVES,
    POINTS,
    VERDICT,
)
from .memory import Memory, open_memory, records_of
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
from .models.knowledge import Found
from .models.media import Acquisition, Growing, Source
from .models.memory import Hit, Receipt
from .models.reasoning import Reasoned
from .models.report import Report
from .models.transcript import Diarization, Transcript
from .models.verification import (
    Assertions,
    Contradictions,
    Evidence,
    EvidenceSet,
    Verdict,
    Verdicts,
)
from .plans import EVIDENCE
from .runner import Inputs, Work
from .runs import Run
from .settings import SECRETS, Depth, Settings

_R = TypeVar("_R", bound=Reasoned)

SOURCE_SETTINGS = {"wikipedia", "searxng_url", "evidence_dir"}
"""Settings, besides keys, that choose sources of evidence."""

_DOCUMENT_PASSAGES = 8

log = structlog.get_logger(__name__)

MOST_CHECKWORTHY = {Depth.DEEP: 10}
"""How many claims a depth checks, the most check-worthy first; depths not named check all."""


def memory_for(settings: Settings) -> Memory:
    """The memory in the data folder, for vectors of our embedder. Blocks; to be closed.

    Raises:
        StorageError: when the folder cannot be used or another process owns it.
    """
    embedder = load_embedder()
    return open_memory(settings.data_dir, embedder=embedder.name, dimension=embedder.dimension)


class StageWork:
    """The work of every stage, bound to one run and to the memory.

    To be entered as a context: at its end nothing goes on in the background.
    """

    def __init__(self, run: Run, memory: Memory) -> None:
        self._run = run
        self._memory = memory
        self._listening: transcription.Listening | None = None
        self._opened_library: knowledge.Library | None = None
        self._opening = threading.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop_listening()
        if self._opened_library is not None:
            await asyncio.to_thread(self._opened_library.close)

    def all(self) -> dict[str, Work]:
        """How to do each stage, by its name."""
        return {
            "acquisition": Work(
                Acquisition,
                self._acquire,
                self._what_is_asked_for,
                holds=_media_is_there,
                then=self._meet,
            ),
            "transcription": Work(Transcript, self._transcribe, self._how_to_transcribe),
            "diarization": Work(Diarization, self._diarize),
            "speakers": Work(Transcript, self._name_speakers, self._what_they_are_called),
            "embedding": Work(Vectors, self._embed, self._which_embedder),
            "chapters": Work(Chapters, self._find_chapters),
            "claims": Work(Claims, self._detect_claims),
            "sentiment": Work(Sentiment, self._score_sentiment),
            "emotions": Work(Emotions, self._trace_emotions),
            "fallacies": Work(
                Fallacies, self._find_fallacies, self._asked_with(FALLACIES), holds=_whole
            ),
            "entities": Work(Entities, self._find_entities),
            "key_points": Work(KeyPoints, self._pick_key_points),
            "summary": Work(
                Summary, self._summarise, self._asked_with(POINTS, OVERVIEW), holds=_whole
            ),
            "perspectives": Work(
                Perspectives, self._find_perspectives, self._asked_with(PERSPECTIVES), holds=_whole
            ),
            "assertions": Work(Assertions, self._assert, self._which_claims, holds=_whole),
            "memory_evidence": Work(EvidenceSet, self._gather_from_memory, self._which_memory),
            "recording_evidence": Work(EvidenceSet, self._gather_from_recording),
            "document_evidence": Work(
                EvidenceSet, self._gather_from_documents, self._which_documents
            ),
            "source_evidence": Work(
                EvidenceSet, self._gather_from_sources, self._which_sources, holds=_all_answered
            ),
            "contradictions": Work(Contradictions, self._find_contradictions, self._which_memory),
            "verdicts": Work(Verdicts, self._judge, self._asked_with(VERDICT), holds=_whole),
            "second_opinion": Work(Verdicts, self._challenge, self._which_challenger, holds=_whole),
            "signals": Work(TrustSignals, self._gather_signals),
            "vector_memory": Work(Receipt, self._remember_vectors, self._which_memory),
            "graph_memory": Work(Receipt, self._remember_graph, self._which_memory),
            "briefing": Work(Report, self._brief, self._what_was_asked, tells_missing=True),
        }

    # -- what an artifact depends on besides its inputs -------------------------------------

    def _what_is_asked_for(self) -> dict[str, Any]:
        settings = self._run.settings
        return {
            "fingerprint": acquisition.fingerprint(self._run.locator),
            "language": settings.language,
            "longest": settings.max_duration_hours,
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

    def _asked_with(self, *prompts: Prompt[Any]) -> Callable[[], dict[str, Any]]:
        """What the answers of the configured model depend on; nothing without one."""

        def made_from() -> dict[str, Any]:
            settings = self._run.settings
            if not settings.llm:
                return {}
            asked = [prompt.identity for prompt in prompts]
            return {"model": settings.llm, "at": settings.llm_base_url, "prompts": asked}

        return made_from

    def _which_claims(self) -> dict[str, Any]:
        return {
            "most": MOST_CHECKWORTHY.get(self._run.depth),
            "memory": self._memory.identity,
            "days": self._run.settings.verdict_days,
            **self._asked_with(ASSERTIONS)(),
        }

    def _which_challenger(self) -> dict[str, Any]:
        return {"memory": self._memory.identity, **self._asked_with(CHALLENGE)()}

    def _which_documents(self) -> dict[str, Any]:
        return {"documents": self._library().revision}

    def _which_sources(self) -> dict[str, Any]:
        settings = self._run.settings
        names = sorted(entry.name for entry in entry_points(group=verification.ENTRY_POINTS))
        return {
            "plugins": names,
            "configured": settings.model_dump(mode="json", include=SOURCE_SETTINGS),
            "keys": sorted(name for name in SECRETS if getattr(settings, name) is not None),
        }

    def _what_was_asked(self) -> dict[str, Any]:
        return {"depth": self._run.depth}

    # -- acquisition and transcription ------------------------------------------------------

    async def _acquire(self, inputs: Inputs, progress: Progress) -> Acquisition:
        growing = self._listen if self._run.settings.streams else None
        return await acquisition.acquire(self._run, progress, growing)

    def _listen(self, growing: Growing) -> None:
        self._listening = transcription.listen(growing, self._run.settings)

    async def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.cancel()

    def _meet(self, acquired: Acquisition) -> None:
        self._run.meet(acquired.source.id)

    async def _transcribe(self, inputs: Inputs, progress: Progress) -> Transcript:
        acquired = inputs.need("acquisition", Acquisition)
        try:
            return await transcription.transcribe(
                acquired, self._run.settings, progress, self._listening
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
        return transcription.rename(transcript, self._run.speaker_names)

    # -- analysis -----------------------------------------------------------------------------

    async def _embed(self, inputs: Inputs, progress: Progress) -> Vectors:
        transcript = inputs.need("transcription", Transcript)
        return await asyncio.to_thread(_read, transcript, progress)

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

        return await self._thought(inputs, local, model)

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

        return await self._thought(inputs, local, model)

    async def _find_perspectives(self, inputs: Inputs, progress: Progress) -> Perspectives:
        chapters = inputs.need("chapters", Chapters)

        async def local() -> Perspectives:
            claims = inputs.find("claims", Claims)
            return await asyncio.to_thread(
                analysis.find_perspectives, *_understood(inputs), chapters, claims
            )

        async def model(mind: Mind) -> Perspectives:
            return await read_perspectives(mind, inputs.need("speakers", Transcript), chapters)

        return await self._thought(inputs, local, model)

    async def _thought(
        self,
        inputs: Inputs,
        local: Callable[[], Awaitable[_R]],
        model: Callable[[Mind], Awaitable[_R]],
    ) -> _R:
        """What the model makes of it, or where there is none, or no answer, the local analysts."""
        if inputs.mind is None:
            return await local()
        # Of words that were guessed nothing is reasoned: no quote of them is exact.
        if not inputs.need("speakers", Transcript).exact:
            return await local()
        try:
            reasoned = await model(inputs.mind)
        except LanguageModelError as error:
            log.info("language_model_failed", code=error.code, reason=error.message)
            return (await local()).model_copy(update={"gaps": (str(error),)})
        return reasoned.model_copy(update={"model": self._run.settings.llm})

    # -- verification -------------------------------------------------------------------------

    async def _retrieve(self, vectors: NDArray[np.float32], limit: int) -> list[list[Hit]]:
        return await self._memory.search_many(
            vectors,
            tenant=self._run.tenant,
            limit=limit,
            exact=True,
            exclude_source=self._run.source_id,
        )

    async def _assert(self, inputs: Inputs, progress: Progress) -> Assertions:
        _require_exact(inputs)
        claims = inputs.need("claims", Claims)
        most = MOST_CHECKWORTHY.get(self._run.depth)
        chosen = await asyncio.to_thread(verification.choose, claims, most, self._recall)

        async def local() -> Assertions:
            return chosen

        async def model(mind: Mind) -> Assertions:
            return await verification.decompose(mind, chosen, claims)

        return await self._thought(inputs, local, model)

    def _recall(self, texts: Sequence[str]) -> Mapping[str, Verdict]:
        days = self._run.settings.verdict_days
        if not days or self._run.fresh:
            return {}
        return self._memory.recall_verdicts(
            texts,
            tenant=self._run.tenant,
            since=date.today() - timedelta(days=days),
            besides=self._run.source_id,
        )

    async def _gather_from_memory(self, inputs: Inputs, progress: Progress) -> EvidenceSet:
        assertions, vectors = await _asserted(inputs)
        return await verification.gather_from_memory(assertions, vectors, self._retrieve)

    async def _gather_from_recording(self, inputs: Inputs, progress: Progress) -> EvidenceSet:
        assertions, vectors = await _asserted(inputs)
        return await asyncio.to_thread(
            verification.gather_from_transcript,
            assertions,
            vectors,
            *_exact(inputs),
            inputs.need("acquisition", Acquisition).source,
        )

    async def _gather_from_documents(self, inputs: Inputs, progress: Progress) -> EvidenceSet:
        assertions, vectors = await _asserted(inputs)
        return await asyncio.to_thread(self._look_up, assertions, vectors)

    def _look_up(self, assertions: Assertions, vectors: NDArray[np.float32]) -> EvidenceSet:
        found = self._library().search(vectors, _DOCUMENT_PASSAGES)
        texts = {
            assertion.id: [_documented(passage) for passage in passages]
            for assertion, passages in zip(assertions.assertions, found, strict=True)
        }
        return verification.gather_from_texts(
            assertions, vectors, texts, load_embedder().encode, asked=("your documents",)
        )

    def _library(self) -> knowledge.Library:
        """The tenant's documents, opened once; blocks."""
        with self._opening:
            if self._opened_library is None:
                self._opened_library = knowledge.open_library(
                    self._run.settings.data_dir, self._run.tenant, load_embedder().name
                )
            return self._opened_library

    async def _gather_from_sources(self, inputs: Inputs, progress: Progress) -> EvidenceSet:
        assertions, vectors = await _asserted(inputs)
        settings, embedder = self._run.settings, load_embedder()
        async with verification.WebClient(settings, settings.data_dir / "web") as web:
            sources = await asyncio.to_thread(
                verification.open_sources,
                verification.Surroundings(settings, web),
                embedder.encode,
                embedder.name,
            )
            progress(None, f"asking {', '.join(source.name for source in sources) or 'nobody'}")
            texts, failures = await verification.search_sources(
                sources,
                assertions,
                inputs.need("speakers", Transcript).language,
                date.today(),
                together=settings.parallel("fact_checking"),
            )
        return await asyncio.to_thread(
            verification.gather_from_texts,
            assertions,
            vectors,
            texts,
            embedder.encode,
            asked=[source.name for source in sources],
            failures=failures,
        )

    async def _find_contradictions(self, inputs: Inputs, progress: Progress) -> Contradictions:
        return await verification.find_contradictions(
            inputs.need("claims", Claims),
            *_exact(inputs),
            inputs.need("acquisition", Acquisition).source,
            self._retrieve,
        )

    async def _judge(self, inputs: Inputs, progress: Progress) -> Verdicts:
        _require_exact(inputs)
        assertions = inputs.need("assertions", Assertions)
        evidence = [found for name in EVIDENCE if (found := inputs.find(name, EvidenceSet))]

        async def local() -> Verdicts:
            return await asyncio.to_thread(verification.judge, assertions, evidence, date.today())

        async def model(mind: Mind) -> Verdicts:
            return await verification.read_verdicts(
                mind, self._run.settings.llm or "", assertions, evidence, date.today()
            )

        return await self._thought(inputs, local, model)

    async def _challenge(self, inputs: Inputs, progress: Progress) -> Verdicts:
        assertions, vectors = await _asserted(inputs)
        return await verification.challenge(
            inputs.need("verdicts", Verdicts), assertions, vectors, self._retrieve, inputs.mind
        )

    # -- memory -------------------------------------------------------------------------------

    async def _gather_signals(self, inputs: Inputs, progress: Progress) -> TrustSignals:
        return await asyncio.to_thread(
            analysis.trust_signals,
            inputs.need("speakers", Transcript),
            inputs.need("claims", Claims),
            _last_verdicts(inputs),
            inputs.find("fallacies", Fallacies),
            inputs.find("entities", Entities),
        )

    async def _remember_vectors(self, inputs: Inputs, progress: Progress) -> Receipt:
        source = inputs.need("acquisition", Acquisition).source
        transcript, vectors = _spoken(inputs)
        records = records_of(source, self._run.tenant, transcript, inputs.find("claims", Claims))
        return await self._memory.remember_vectors(source, self._run.tenant, records, vectors.array)

    async def _remember_graph(self, inputs: Inputs, progress: Progress) -> Receipt:
        source = inputs.need("acquisition", Acquisition).source
        transcript = inputs.need("speakers", Transcript)
        records = records_of(source, self._run.tenant, transcript, inputs.find("claims", Claims))
        await self._remember_verdicts(inputs, source)
        return await self._memory.remember_graph(
            source, self._run.tenant, records, inputs.find("chapters", Chapters)
        )

    async def _remember_verdicts(self, inputs: Inputs, source: Source) -> None:
        claims, verdicts = inputs.find("claims", Claims), _last_verdicts(inputs)
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
            verdicts=_last_verdicts(inputs),
            evidence=[found for name in EVIDENCE if (found := inputs.find(name, EvidenceSet))],
            contradictions=inputs.find("contradictions", Contradictions),
            receipts=tuple(receipt for receipt in receipts if receipt is not None),
            missing=inputs.missing,
            methods=(
                *analysis.describe(inputs.names, _models(inputs)),
                *verification.describe(_last_verdicts(inputs)),
            ),
        )


def _media_is_there(acquired: Acquisition) -> bool:
    paths = [caption.path for caption in acquired.captions]
    if acquired.media:
        paths.append(acquired.media.path)
    return all(path.exists() for path in paths)


def _read(transcript: Transcript, progress: Progress) -> Vectors:
    """One pass of the encoder, with all branches where the language is theirs."""
    branches = analysis.load_branches() if analysis.applies_to(transcript.language) else ()
    texts = [segment.text for segment in transcript.segments]
    return Vectors(*load_embedder().read(texts, branches, progress))


def _last_verdicts(inputs: Inputs) -> Verdicts | None:
    return inputs.find("second_opinion", Verdicts) or inputs.find("verdicts", Verdicts)


def _spoken(inputs: Inputs) -> tuple[Transcript, Vectors]:
    return inputs.need("speakers", Transcript), inputs.need("embedding", Vectors)


def _require_exact(inputs: Inputs) -> None:
    if not inputs.need("speakers", Transcript).exact:
        raise TranscriptUncertain("The words are a rough guess; no fact is checked on them.")


def _exact(inputs: Inputs) -> tuple[Transcript, Vectors]:
    _require_exact(inputs)
    return _spoken(inputs)


def _understood(inputs: Inputs) -> tuple[Transcript, Vectors]:
    transcript, vectors = _spoken(inputs)
    if not analysis.applies_to(transcript.language):
        raise LanguageUnsupported(
            f"The recording is in {transcript.language!r}; this analysis knows English only."
        )
    return transcript, vectors


async def _asserted(inputs: Inputs) -> tuple[Assertions, NDArray[np.float32]]:
    """What is to be checked, and a vector of each."""
    assertions = inputs.need("assertions", Assertions)
    said = {claim.text: claim.segment for claim in inputs.need("claims", Claims).claims}
    array = inputs.need("embedding", Vectors).array
    texts = [assertion.text for assertion in assertions.assertions]
    vectors = np.zeros((len(texts), array.shape[1]), np.float32)
    put = [row for row, text in enumerate(texts) if text not in said]
    if put:
        encode = load_embedder().encode
        vectors[put] = await asyncio.to_thread(encode, [texts[row] for row in put])
    for row, text in enumerate(texts):
        if text in said:
            vectors[row] = array[said[text]]
    return assertions, vectors


def _documented(passage: Found) -> Evidence:
    place = str(passage.place)
    return Evidence(
        source_id=passage.document,
        title=f"{passage.title}, {place}" if place else passage.title,
        url=passage.url,
        published=passage.date,
        passage=passage.text,
        start=None,
        speaker=None,
        found_by=verification.FROM_DOCUMENTS,
        similarity=min(passage.score, 1.0),
    )


def _models(inputs: Inputs) -> dict[str, str]:
    """The language model behind each part that one has reasoned."""
    kinds: dict[str, type[Reasoned]] = {
        "summary": Summary,
        "fallacies": Fallacies,
        "perspectives": Perspectives,
    }
    parts = {name: inputs.find(name, kind) for name, kind in kinds.items()}
    return {name: part.model for name, part in parts.items() if part and part.model}


def _whole(artifact: Reasoned) -> bool:
    """Whether the model left no gap; an artifact with one is made anew."""
    return not artifact.gaps


def _all_answered(found: EvidenceSet) -> bool:
    return not found.failures
