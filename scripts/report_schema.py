"""Writes ``docs/report.schema.json``: what ``report.json`` holds, as JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

from ultimate_discord_intelligence_bot.models.report import SCHEMA_VERSION, Report

TARGET = Path(__file__).parents[1] / "docs" / "report.schema.json"


def schema_text() -> str:
    """The schema as it belongs in the file."""
    schema = Report.model_json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Autointel report, version {SCHEMA_VERSION}",
    }
    return json.dumps({**schema, **head}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(schema_text(), encoding="utf-8")
