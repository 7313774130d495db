"""What a language model would cost, and what it did cost, on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model_server import ModelServer, serving
from tests.newsroom import answer

AUTOINTEL = str(Path(sys.executable).with_name("autointel"))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(answer) as stub:
        yield stub


def autointel(data_dir: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AUTOINTEL, *words],
        env={**os.environ, "AUTOINTEL_DATA_DIR": str(data_dir), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_estimate_asks_nobody_and_names_price_and_budget(
    data_dir: Path, debate: Path, server: ModelServer
) -> None:
    model = {
        "AUTOINTEL_LLM": "openai/stub",
        "AUTOINTEL_LLM_BASE_URL": server.url,
        "AUTOINTEL_LLM_PRICE": "1/4",
        "AUTOINTEL_LLM_BUDGET": "deep=0.75",
    }
    words = ("run", str(debate), "--depth", "deep")
    told = autointel(data_dir, *words, "--estimate", **model)
    assert told.returncode == 0
    assert "openai/stub, 15 calls" in told.stdout
    assert "of a budget of $0.75" in told.stdout
    assert server.seen == []
    told = autointel(data_dir, *words, "--estimate", "--json", **model)
    estimate = json.loads(told.stdout)
    assert estimate["input"] == str(debate)
    assert estimate["budget"] == 0.75

    ran = autointel(data_dir, *words, **model)
    assert ran.returncode == 0
    assert "Language model: " in ran.stdout
    again = autointel(data_dir, *words, "--fresh", "--json", **model)
    spent = json.loads(again.stdout)["spent"]
    assert spent["calls"] == 0
    assert 0 < spent["reused"] <= estimate["calls"]
    assert spent["dollars"] == 0


def test_without_a_price_that_is_said(data_dir: Path, debate: Path, server: ModelServer) -> None:
    told = autointel(
        data_dir,
        "run",
        str(debate),
        "--estimate",
        AUTOINTEL_LLM="openai/stub",
        AUTOINTEL_LLM_BASE_URL=server.url,
    )
    assert "at an unknown price" in told.stdout
    assert "AUTOINTEL_LLM_PRICE" in told.stdout


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "No language model is configured"),
        ({"AUTOINTEL_LLM": "openai/gpt-4o-mini"}, "Set OPENAI_API_KEY"),
        ({"AUTOINTEL_LLM": "nobody/model"}, "nobody/model cannot be used"),
    ],
)
def test_a_model_that_cannot_be_asked_is_an_error_that_says_what_to_do(
    environment: dict[str, str], words: str, data_dir: Path, debate: Path
) -> None:
    told = autointel(data_dir, "run", str(debate), "--estimate", **environment)
    assert told.returncode in (3, 5)
    assert words in told.stderr


def test_a_wrong_model_ends_a_run_before_it_begins(data_dir: Path, debate: Path) -> None:
    ran = autointel(data_dir, "run", str(debate), AUTOINTEL_LLM="anthropic/claude")
    assert ran.returncode == 5
    assert "Set ANTHROPIC_API_KEY" in ran.stderr


def test_the_doctor_names_the_model_and_where_evidence_is_sought(
    data_dir: Path, server: ModelServer
) -> None:
    told = autointel(
        data_dir,
        "doctor",
        AUTOINTEL_LLM="openai/stub",
        AUTOINTEL_LLM_BASE_URL=server.url,
        AUTOINTEL_WIKIPEDIA="on",
    )
    assert "openai/stub" in told.stdout
    assert "price unknown" in told.stdout
    assert "everything remembered, your documents, Wikipedia" in told.stdout
    assert server.seen == []
