"""What every error owes its reader."""

from __future__ import annotations

from ultimate_discord_intelligence_bot.errors import AutointelError


def assert_clear(error: AutointelError) -> None:
    """It says what happened and what to do, in words and not in traces."""
    for text in (error.message, error.remedy):
        assert text.strip()
        assert len(text) < 600
        assert "\n" not in text
        for trace in ("Traceback", "Error(", "0x", "Errno"):
            assert trace not in text
