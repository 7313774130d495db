"""Counting, unpacking in pieces and losing patience, one thing at a time."""

from __future__ import annotations

import io
import threading
import time
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clarity import assert_clear
from ultimate_discord_intelligence_bot.acquisition.guard import Guard
from ultimate_discord_intelligence_bot.acquisition.meter import Meter, MeteredStream, in_memory
from ultimate_discord_intelligence_bot.errors import AutointelError, NoMediaFound, TooLarge


class Ending:
    """Stands for the end of the process: it keeps the reason, and nothing follows."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.reason: AutointelError | None = None

    def __call__(self, error: AutointelError) -> NoReturn:
        self.reason = error
        self.ended.set()
        while True:
            time.sleep(60)


class Body(io.BytesIO):
    """A response of urllib3, as far as it is used."""

    def read1(self, amt: int | None = -1, decode_content: bool | None = None) -> bytes:
        return super().read1(amt)


METER = Meter(Guard("", None, Ending()), 60)


def metered(data: bytes, limit: int = 1 << 30) -> MeteredStream:
    METER.start(limit, TooLarge("That is too much."))
    return MeteredStream(Body(data), METER, "http://example.org/")


def test_a_part_of_the_work_that_takes_too_long() -> None:
    ending = Ending()
    meter = Meter(Guard("", None, ending), 0.5)
    meter.start(10, TooLarge("That is too much."), seconds=0.05)
    assert ending.ended.wait(10)
    assert ending.reason is not None
    assert ending.reason.message == "The site takes too long to say what it offers."
    assert_clear(ending.reason)


def test_a_request_that_gets_no_answer() -> None:
    ending = Ending()
    meter = Meter(Guard("", None, ending), 0.05)
    with meter.request("http://example.org/talk.mp3"):
        assert ending.ended.wait(10)
    assert ending.reason is not None
    assert ending.reason.message.startswith("example.org has not answered within")


def test_what_is_over_is_waited_for_no_more() -> None:
    ending = Ending()
    meter = Meter(Guard("", None, ending), 0.05)
    meter.start(10, TooLarge("That is too much."), seconds=0.02)
    meter.start(10, TooLarge("That is too much."))
    with meter.request("http://example.org/"):
        pass
    assert not ending.ended.wait(0.3)


@given(st.binary(max_size=300_000), st.integers(1, 200_000))
def test_everything_arrives_in_order(data: bytes, amount: int) -> None:
    stream = metered(data)
    found = b"".join(iter(lambda: stream.read(amount), b""))
    assert found == data
    assert metered(data).read() == data
    assert b"".join(metered(data).stream(amount)) == data


@given(st.integers(1, 100_000), st.integers(1, 1 << 40))
def test_never_more_at_once_than_asked_for(size: int, amount: int) -> None:
    piece = metered(bytes(size)).read(amount)
    assert len(piece) == min(size, amount, 1 << 16)


def test_too_much_is_refused_again_and_again() -> None:
    stream = metered(bytes(200_000), limit=100_000)
    with pytest.raises(TooLarge):
        stream.read()
    with pytest.raises(TooLarge):
        stream.read(1)


@pytest.mark.parametrize("end", ["\n", "\r", "\x0b", "\x0c", "\x1e", "\x85", "\u2028"])
def test_a_page_of_nothing_but_lines(end: str) -> None:
    text = ("a" + end) * 510_000
    assert len(text.splitlines()) == 510_000
    with pytest.raises(NoMediaFound) as caught:
        in_memory(io.BytesIO(text.encode()).read)()
    assert_clear(caught.value)


def test_a_page_of_a_usual_size() -> None:
    text = b"<p>line</p>\n" * 300_000
    assert in_memory(io.BytesIO(text).read)() == text
    assert in_memory(io.BytesIO(text).read)(10) == text[:10]
