"""What was said in a recording cannot act on the terminal that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ultimate_discord_intelligence_bot.cli import app

# Renames the window, turns red, reverses the direction, breaks the line, opens markup.
ORDERS = "\x1b]0;owned\x07\x1b[31m\u202e\x9b31m[bold red]"
ACTING = "\x07\x08\x0b\x1b\x7f\x9b\u202a\u202b\u202d\u202e"
LINES = (
    f"Rents in Vienna rose by 12 percent in 2019{ORDERS}, the city said.",
    "Between 1969 and 1972, twelve people walked on the Moon.",
    f"Between 1969 and 1972, no more than two people{ORDERS} walked on the Moon.",
)


@pytest.fixture
def hostile(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recording whose words and speakers hold control sequences."""
    monkeypatch.setenv("AUTOINTEL_DATA_DIR", str(data_dir))
    cues = [
        f"00:{n * 10:02}.000 --> 00:{n * 10 + 9:02}.000\n<v Ann{ORDERS}>{line}"
        for n, line in enumerate(LINES)
    ]
    path = tmp_path / "hostile.vtt"
    path.write_text("WEBVTT\n\n" + "\n\n".join(cues) + "\n", "utf-8")
    return str(path)


def test_nothing_that_was_said_reaches_the_terminal_as_an_order(hostile: str) -> None:
    commands = [
        ("run", hostile, "--depth", "comprehensive"),
        ("search", "Vienna"),
        ("claims",),
        ("contradictions",),
        ("timeline", "Vienna"),
        ("speakers", hostile),
        ("profile", hostile),
    ]
    for command in commands:
        shown = CliRunner().invoke(app, command)
        assert shown.exit_code == 0, shown.output
        assert not set(ACTING) & set(shown.output), command
        if command[0] == "search":
            assert "[bold red], the city said." in shown.output


def test_a_link_that_holds_orders_is_refused_without_showing_them() -> None:
    shown = CliRunner().invoke(app, ["run", f"https://a.example/{ORDERS}"])
    assert shown.exit_code == 3
    assert not set(ACTING) & set(shown.output)
