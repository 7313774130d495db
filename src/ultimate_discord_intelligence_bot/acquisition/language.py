"""Language tags as sites and file names write them."""

from __future__ import annotations

import re

# fmt: off
TWO_LETTERS = {
    "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it",
    "por": "pt", "nld": "nl", "dut": "nl", "rus": "ru", "jpn": "ja", "zho": "zh", "chi": "zh",
}
# fmt: on
_NO_LANGUAGE = {"und", "mul", "zxx", "mis"}
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|\d{3}))?(?:-.*)?",
    re.IGNORECASE | re.DOTALL,
)


def language_tag(text: object) -> str | None:
    """Language, script and region of a tag, as BCP 47 writes them: ``en-GB`` for ``eng_gb-x1``.

    None when it names no language. Source: https://www.rfc-editor.org/rfc/rfc5646#section-2.1
    """
    if not isinstance(text, str) or len(text) > 100:
        return None
    match = _TAG.fullmatch(text.strip().replace("_", "-"))
    if match is None:
        return None
    language = match["language"].lower()
    if language in _NO_LANGUAGE:
        return None
    parts = [TWO_LETTERS.get(language, language)]
    if match["script"]:
        parts.append(match["script"].title())
    if match["region"]:
        parts.append(match["region"].upper())
    return "-".join(parts)
