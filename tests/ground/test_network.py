"""Which addresses a host stands for, and which of them a link may lead to.

What is public, and how exceptions are written, is in the tests of the download guard.
"""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ultimate_discord_intelligence_bot.network import (
    addresses_of,
    allowed_places,
    is_name,
    is_own,
    look_up,
    may_be_reached,
    plain,
)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("::1", "::1"),
    ],
)
def test_an_address_however_it_is_written(host: str, address: str) -> None:
    assert addresses_of(host, 80) == [ip_address(address)]


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 300, "a..b", "\udcff"])
def test_a_host_that_stands_for_nothing(host: str) -> None:
    assert look_up(host, 80) == []


def test_a_name_and_an_address_are_told_apart() -> None:
    assert is_name("nas.local")
    assert is_name("0xcafe.example")
    assert not any(map(is_name, ("127.0.0.1", "0x7f.1", "10", "::1", "", "a b", "a" * 254)))


def test_what_a_link_may_lead_to() -> None:
    allowed = allowed_places("192.168.1.5:8080, 10.0.0.0/8")
    assert may_be_reached(ip_address("192.168.1.5"), 8080, allowed)
    assert may_be_reached(ip_address("::ffff:10.1.2.3"), 80, allowed)
    assert not may_be_reached(ip_address("192.168.1.5"), 80, allowed)
    assert not may_be_reached(ip_address("192.168.1.6"), 8080, allowed)
    assert not may_be_reached(ip_address("::1"), 80, ())


def test_an_address_of_this_machine() -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert plain(ip_address("::ffff:10.0.0.1")) == ip_address("10.0.0.1")
