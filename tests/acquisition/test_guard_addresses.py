"""Which addresses links may lead to, and how exceptions are written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clarity import assert_clear
from ultimate_discord_intelligence_bot.errors import SettingsError
from ultimate_discord_intelligence_bot.network import allowed_places, is_public

INSIDE = (
    "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.1.2.3 169.254.169.254 "
    "172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 "
    "198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 "
    "255.255.255.255 168.63.129.16 "
    ":: ::1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe "
    "64:ff9b:1::5db8:d70e 64:ff9b:1:a00:1:: 2002:7f00:1:: 2002:a00:1::1 2001::1 2001:0:4136:e378:: "
    "2001:2::1 2001:db8::1 2001:10::1 3fff::1 100::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 "
    "fe80::1%1 fec0::1 ff02::1 ff0e::1 4000::1 5f00::1 2a00:1450:4001:80b::200e%2"
)
OUTSIDE = (
    "1.1.1.1 8.8.8.8 93.184.215.14 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 "
    "192.0.1.1 192.167.255.255 198.17.255.255 198.20.0.1 223.255.255.255 ::ffff:8.8.8.8 "
    "64:ff9b::808:808 2002:808:808::1 2001:4860:4860::8888 2606:2800:21f::1 2a00:1450:4001::200e"
)

NAT64 = ip_network("64:ff9b::/96")

private = st.sampled_from(
    [
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("224.0.0.0/4", "240.0.0.0/4"),
    ]
).flatmap(lambda network: st.ip_addresses(v=4, network=network))


@pytest.mark.parametrize("address", INSIDE.split())
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE.split())
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(ip_address(address))


def embedded(address: IPv4Address) -> dict[str, IPv6Address]:
    """Every way of writing an IPv4 address in an IPv6 address that a system may undo."""
    number = int(address)
    return {
        "mapped": IPv6Address(0xFFFF << 32 | number),
        "compatible": IPv6Address(number),
        "translated": IPv6Address(0xFFFF << 48 | number),
        "NAT64": IPv6Address(int(IPv6Address("64:ff9b::")) | number),
        "local NAT64 /96": IPv6Address(int(IPv6Address("64:ff9b:1::")) | number),
        "local NAT64 /48": IPv6Address(
            int(IPv6Address("64:ff9b:1::")) | number >> 16 << 64 | (number & 0xFFFF) << 40
        ),
        "6to4": IPv6Address(0x2002 << 112 | number << 80 | 1),
        "Teredo server": IPv6Address(0x20010000 << 96 | number << 64),
        "Teredo client": IPv6Address(0x20010000 << 96 | number ^ 0xFFFFFFFF),
    }


@given(private)
def test_an_inner_address_is_refused_in_every_form(address: IPv4Address) -> None:
    assert not is_public(address)
    for form, written in embedded(address).items():
        assert not is_public(written), form


@given(st.ip_addresses(v=4))
def test_whatever_the_standard_library_calls_private_is_refused(address: IPv4Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        assert not is_public(address)
    carried = embedded(address)
    for form in ("mapped", "NAT64", "6to4"):
        assert is_public(carried[form]) == is_public(address), form


@given(st.ip_addresses(v=6))
def test_only_global_unicast_is_public(address: IPv6Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        carries = address.ipv4_mapped or address.sixtofour or address in NAT64
        assert not is_public(address) or carries


@pytest.mark.parametrize(
    ("setting", "address", "port", "covered"),
    [
        ("192.168.1.5", "192.168.1.5", 80, True),
        ("192.168.1.5", "192.168.1.6", 80, False),
        ("192.168.1.0/24", "192.168.1.6", 443, True),
        ("10.0.0.1, 192.168.1.7/24 ,", "192.168.1.6", 443, True),
        ("192.168.1.5:8080", "192.168.1.5", 8080, True),
        ("192.168.1.5:8080", "192.168.1.5", 80, False),
        ("192.168.1.0/24:8080", "192.168.1.5", 8080, True),
        ("fd00::5", "fd00::5", 80, True),
        ("[fd00::5]:8080", "fd00::5", 8080, True),
        ("[fd00::5]:8080", "fd00::5", 80, False),
        ("[fd00::]/64", "fd00::5", 80, None),
        ("fd00::/64", "fd00::5", 80, True),
        ("localhost", "127.0.0.1", 80, True),
        ("localhost:81", "127.0.0.1", 80, False),
        ("", "127.0.0.1", 80, False),
    ],
)
def test_a_host_that_is_allowed(
    setting: str, address: str, port: int, covered: bool | None
) -> None:
    if covered is None:
        with pytest.raises(SettingsError):
            allowed_places(setting)
        return
    found = any(place.covers(ip_address(address), port) for place in allowed_places(setting))
    assert found is covered


@pytest.mark.parametrize(
    "setting",
    [
        "http://nas.local",
        "192.168.1.300",
        "192.168.1.0/33",
        "nas.local/24",
        "nas.local:http",
        "nas.local:0",
        "nas.local:99999",
        "[fd00::5",
        "[nas.local]:80x",
        "nas local",
        "0x7f000001",
        "127.1",
        "2130706433",
        "127.0.0.1;10.0.0.1",
        "x" * 5000 + "!",
    ],
)
def test_a_malformed_entry_is_named(setting: str) -> None:
    with pytest.raises(SettingsError) as caught:
        allowed_places(f"10.0.0.1,{setting}")
    assert "AUTOINTEL_ALLOWED_HOSTS" in caught.value.message


def test_the_message_on_a_malformed_entry_is_clear() -> None:
    with pytest.raises(SettingsError) as caught:
        allowed_places("nas.local/24")
    assert_clear(caught.value)
    assert "'nas.local/24'" in caught.value.message


@given(st.text(st.characters(exclude_characters=","), max_size=60))
def test_any_text_that_is_no_host_is_named(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        allowed_places(f"!{text}")
    assert len(caught.value.message) < 600
