"""The cookies of a login, which the user exported from a browser."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import SettingsError

_LARGEST = 4_000_000
_FIELDS = 7
_EXPIRES = re.compile(r"\d*(?:\.\d+)?")
_EXPORT = "Export the cookies again in Netscape format (cookies.txt), or empty the setting."


def read_cookies(path: Path) -> str:
    """The text of a cookies file in Netscape format. The file is never written.

    No message contains anything of what the file holds.

    Raises:
        SettingsError: it is missing or unreadable, or is something else than it should be.
    """
    name = f"AUTOINTEL_COOKIES_FILE={path}"
    try:
        if not path.is_file():
            raise SettingsError(f"{name} leads to no file.", "Correct the path, or empty it.")
        if path.stat().st_size > _LARGEST:
            raise SettingsError(f"{name} is too large for a file of cookies.", _EXPORT)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"{name} cannot be read ({error.strerror}).", "Give yourself the right to read it."
        ) from error
    except UnicodeDecodeError:
        # Its own text would quote what the file holds.
        raise SettingsError(f"{name} is no text file.", _EXPORT) from None
    _check(text, name)
    return text


def _check(text: str, name: str) -> None:
    found = 0
    for number, line in enumerate(text.splitlines(), 1):
        line = line.removeprefix("#HttpOnly_")
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != _FIELDS or not _EXPIRES.fullmatch(fields[4]):
            raise SettingsError(
                f"Line {number} of {name} is no cookie in Netscape format.", _EXPORT
            )
        found += 1
    if not found:
        raise SettingsError(f"{name} holds no cookies.", _EXPORT)
