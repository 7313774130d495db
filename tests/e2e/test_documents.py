"""The user's documents as evidence: the sample debate against a folder of facts, without a key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import content, execute
from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.knowledge import add, open_library

EXAMPLES = Path(__file__).parents[2] / "examples"

SUPPORTED = {"twelve", "hubble", "one-percent", "columbia", "perseverance"}
REFUTED = {"all-landed"}


@pytest.fixture(scope="module")
def informed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose library holds the sample facts."""
    folder = tmp_path_factory.mktemp("informed")
    embedder = load_embedder()
    with open_library(folder, "local", embedder.name) as library:
        addition = asyncio.run(add(library, [EXAMPLES / "facts"], embedder))
    assert len(addition.added) == 3
    return folder


def script() -> dict[str, dict[str, str]]:
    """The sentences of the sample debate, by their text."""
    debate = yaml.safe_load((EXAMPLES / "debate.yaml").read_text("utf-8"))
    return {line["text"]: line for topic in debate["topics"] for line in topic["sentences"]}


def test_true_claims_are_supported_and_false_ones_refuted_by_what_stands_in_the_documents(
    informed: Path, debate: Path
) -> None:
    report = content(execute(informed, debate, "comprehensive"))
    lines = script()
    claims = {claim["item"]["id"]: claim["item"]["text"] for claim in report["claims"]}
    found: dict[str, set[str]] = {}
    for verdict in report["verdicts"]:
        line = lines[claims[verdict["claim"]]]
        found.setdefault(verdict["label"], set()).add(line["id"])
        if verdict["label"] == "Supported":
            assert str(line["truth"]) == "True"
        if verdict["label"] == "Refuted":
            assert str(line["truth"]) == "False"
        if verdict["label"] != "Not Enough Evidence":
            assert 0.9 <= verdict["confidence"] <= 1
            deciding = [e for e in verdict["evidence"] if e["stance"] != "related"]
            assert deciding
            for evidence in deciding:
                assert evidence["found_by"] == "your documents"
                assert evidence["url"].startswith("file://")
                written = Path(evidence["url"].removeprefix("file://").partition("#")[0])
                plain = " ".join(written.read_text("utf-8").split())
                assert evidence["passage"] in plain
    assert found["Supported"] == SUPPORTED
    assert found["Refuted"] == REFUTED
    assert report["sources"] == ["your documents"]


def test_another_tenant_s_documents_are_no_evidence(informed: Path, debate: Path) -> None:
    report = content(execute(informed, debate, "deep", AUTOINTEL_TENANT="somebody-else"))
    assert {verdict["label"] for verdict in report["verdicts"]} == {"Not Enough Evidence"}
