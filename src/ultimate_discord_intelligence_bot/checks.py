"""How the claims of a run are checked: what is asserted, evidence, verdicts, contradictions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import knowledge, verification
from .embedding import load_embedder
from .events import Progress
from .inputs import Inputs
from .llm import Mind
from .llm.prompts import ASSERTIONS, CHALLENGE, VERDICT
from .memory import Memory
from .models.analysis import Claims, Entities
from .models.artifact import Vectors
from .models.knowledge import Found
from .models.media import Acquisition
from .models.memory import Hit
from .models.transcript import Transcript
from .models.verification import (
    Assertions,
    Connections,
    Contradictions,
    Evidence,
    EvidenceSet,
    Verdict,
    Verdicts,
)
from .reasoning import asked_with, thought, whole
from .runner import Work
from .runs import Run
from .settings import SECRETS, Depth

MOST_CHECKWORTHY = {Depth.DEEP: 10}
"""How many claims a depth checks, the most check-worthy first; depths not named check all."""

_SOURCE_SETTINGS = {"wikipedia", "searxng_url", "evidence_dir"}
"""Settings, besides keys, that choose sources of evidence."""

_DOCUMENT_PASSAGES = 8


class Checks:
    """The work of the stages that verify, bound to one run and to the memory. To be closed."""

    def __init__(self, run: Run, memory: Memory) -> None:
        self._run = run
        self._memory = memory
        self._opened_library: knowledge.Library | None = None
        self._opening = threading.Lock()

    def close(self) -> None:
        """Close the library of documents; blocks."""
        if self._opened_library is not None:
            self._opened_library.close()

    def all(self) -> dict[str, Work]:
        """How to do each stage, by its name."""
        return {
            "assertions": Work(Assertions, self._assert, self._which_claims, holds=whole),
            "memory_evidence": Work(EvidenceSet, self._gather_from_memory, self._which_memory),
            "recording_evidence": Work(EvidenceSet, self._gather_from_recording),
            "document_evidence": Work(
                EvidenceSet, self._gather_from_documents, self._which_documents
            ),
            "source_evidence": Work(
                EvidenceSet, self._gather_from_sources, self._which_sources, holds=_all_answered
            ),
            "connections": Work(Connections, self._find_connections, self._which_memory, version=2),
            "contradictions": Work(Contradictions, self._find_contradictions, self._which_memory),
            "verdicts": Work(
                Verdicts, self._judge, asked_with(self._run.settings, VERDICT), holds=whole
            ),
            "second_opinion": Work(Verdicts, self._challenge, self._which_challenger, holds=whole),
        }

    # -- what an artifact depends on besides its inputs -------------------------------------

    def _which_memory(self) -> dict[str, Any]:
        return {"memory": self._memory.identity}

    def _which_claims(self) -> dict[str, Any]:
        return {
            "most": MOST_CHECKWORTHY.get(self._run.depth),
            "memory": self._memory.identity,
            "days": self._run.settings.verdict_days,
            **asked_with(self._run.settings, ASSERTIONS)(),
        }

    def _which_challenger(self) -> dict[str, Any]:
        return {"memory": self._memory.identity, **asked_with(self._run.settings, CHALLENGE)()}

    def _which_documents(self) -> dict[str, Any]:
        return {"documents": self._library().revision}

    def _which_sources(self) -> dict[str, Any]:
        settings = self._run.settings
        names = sorted(entry.name for entry in entry_points(group=verification.ENTRY_POINTS))
        return {
            "plugins": names,
            "configured": settings.model_dump(mode="json", include=_SOURCE_SETTINGS),
            "keys": sorted(name for name in SECRETS if getattr(settings, name) is not None),
        }

    @property
    def _together(self) -> bool:
        return self._run.settings.parallel("fact_checking")

    # -- what is done --------------------------------------------------------------------

    async def _assert(self, inputs: Inputs, progress: Progress) -> Assertions:
        inputs.require_exact()
        claims = inputs.need("claims", Claims)
        most = MOST_CHECKWORTHY.get(self._run.depth)
        chosen = await asyncio.to_thread(verification.choose, claims, most, self._recall)

        async def local() -> Assertions:
            return chosen

        async def model(mind: Mind) -> Assertions:
            return await verification.decompose(mind, chosen, claims)

        return await thought(inputs, progress, self._run.settings.llm, local, model)

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
            *inputs.exact,
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
                together=self._together,
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

    async def _find_connections(self, inputs: Inputs, progress: Progress) -> Connections:
        inputs.require_exact()
        claims = inputs.need("claims", Claims)
        rows = [claim.segment for claim in claims.claims]
        vectors = inputs.need("embedding", Vectors).array[rows]
        found = await verification.find_connections(
            claims, vectors, self._retrieve_claims, date.today()
        )
        named = inputs.find("entities", Entities)
        if named is None:
            return found
        same = await self._memory.resolve(self._run.tenant, self._run.source_id, named)
        return found.model_copy(update={"entities": same})

    async def _find_contradictions(self, inputs: Inputs, progress: Progress) -> Contradictions:
        return await verification.find_contradictions(
            inputs.need("claims", Claims),
            *inputs.exact,
            inputs.need("acquisition", Acquisition).source,
            self._retrieve,
        )

    async def _judge(self, inputs: Inputs, progress: Progress) -> Verdicts:
        inputs.require_exact()
        assertions = inputs.need("assertions", Assertions)
        evidence = inputs.evidence

        async def local() -> Verdicts:
            return await asyncio.to_thread(verification.judge, assertions, evidence, date.today())

        async def model(mind: Mind) -> Verdicts:
            return await verification.read_verdicts(
                mind,
                self._run.settings.llm or "",
                assertions,
                evidence,
                date.today(),
                together=self._together,
            )

        verdicts = await thought(inputs, progress, self._run.settings.llm, local, model)
        # What is missing of the assertions is missing of the verdicts on them.
        gaps = tuple(dict.fromkeys((*assertions.gaps, *verdicts.gaps)))
        return verdicts.model_copy(update={"gaps": gaps})

    async def _challenge(self, inputs: Inputs, progress: Progress) -> Verdicts:
        assertions, vectors = await _asserted(inputs)
        return await verification.challenge(
            inputs.need("verdicts", Verdicts),
            assertions,
            vectors,
            self._retrieve,
            inputs.mind,
            together=self._together,
        )

    async def _retrieve_claims(self, vectors: NDArray[np.float32], limit: int) -> list[list[Hit]]:
        return await self._memory.search_many(
            vectors,
            tenant=self._run.tenant,
            limit=limit,
            kind="claim",
            exact=True,
            exclude_source=self._run.source_id,
        )

    async def _retrieve(self, vectors: NDArray[np.float32], limit: int) -> list[list[Hit]]:
        return await self._memory.search_many(
            vectors,
            tenant=self._run.tenant,
            limit=limit,
            exact=True,
            exclude_source=self._run.source_id,
        )


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


def _all_answered(found: EvidenceSet) -> bool:
    return not found.failures
