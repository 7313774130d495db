"""The error tree: every error tells the reader what to do."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot import errors
from ultimate_discord_intelligence_bot.errors import AutointelError, storage_error

EVERY_ERROR = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, AutointelError)
]


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_every_error_has_a_code_a_message_and_a_remedy(kind: type[AutointelError]) -> None:
    error = kind("It broke.")
    assert error.code.isidentifier()
    assert error.remedy
    assert str(error) == f"It broke. {error.remedy}"


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in EVERY_ERROR]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_every_error_survives_the_way_between_processes(kind: type[AutointelError]) -> None:
    error = pickle.loads(pickle.dumps(kind("It broke.", "Mend it.")))
    assert type(error) is kind
    assert (error.message, error.remedy) == ("It broke.", "Mend it.")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, errors.DiskFull),
        (errno.EDQUOT, errors.DiskFull),
        (errno.EACCES, errors.NotWritable),
        (errno.EROFS, errors.NotWritable),
    ],
)
def test_a_failed_write_names_the_file(number: int, kind: type[AutointelError]) -> None:
    error = storage_error(OSError(number, "why"), Path("/data/report.json"))
    assert isinstance(error, kind)
    assert "/data/report.json" in error.message
