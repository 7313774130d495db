"""Which addresses may be connected to: those of the public internet, and those that are allowed.

A name is never judged, only an address: names change what they stand for between two look-ups.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import NamedTuple

from .errors import SettingsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080}
"""Port of a scheme where the URL has none."""

# fmt: off
_INSIDE_4 = tuple(IPv4Network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "168.63.129.16/32",  # looks public; a cloud answers its own machines there
))
"""Everything that the IANA special-purpose registry does not call globally reachable."""
_INSIDE_6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
"""The same within 2000::/3: Teredo, ORCHID, benchmarking, documentation."""
# fmt: on
_UNICAST_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NAME = re.compile(r"(?=.*[a-z])[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*\.?", re.IGNORECASE)
_ENTRY = re.compile(
    r"\[(?P<v6>[^\]]+)\](?::(?P<p6>\d{1,5}))?|(?P<host>[^:]+):(?P<port>\d{1,5})|(?P<bare>.+)", re.S
)


# -- addresses --------------------------------------------------------------------------------


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, to be reached by everybody.

    An IPv6 address that only carries an IPv4 address (mapped, NAT64, 6to4) is as public as that.
    Source of the ranges: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _INSIDE_4)
    if address.scope_id:
        return False
    carried = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        carried = IPv4Address(int(address) & 0xFFFFFFFF)
    if carried is not None:
        return is_public(carried)
    return address in _UNICAST_6 and not any(address in network for network in _INSIDE_6)


def is_own(address: Address) -> bool:
    """Whether the address belongs to this machine, found without sending anything.

    A public address of our own leads past the firewall that protects it from outside.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
        except OSError:
            return False
        return bool(probe.getsockname()[0] == str(address))


def plain(address: Address) -> Address:
    """The IPv4 address that a mapped IPv6 address is only another way to write."""
    return getattr(address, "ipv4_mapped", None) or address


def is_name(host: str) -> bool:
    """Whether a host is written as a name, not as an address in any of its forms."""
    return bool(_NAME.fullmatch(host)) and not _NUMERIC.fullmatch(host) and len(host) < 254


def look_up(host: str, port: int | None = None) -> list[Address]:
    """The addresses of a name, however it is written; none when there are none. Blocks."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ip_address(str(sockaddr[0])) for *_, sockaddr in found]


def addresses_of(host: str, port: int) -> list[Address]:
    """The addresses of the host of a URL, a number as browsers read it included. Blocks."""
    try:
        return [ip_address(socket.inet_aton(host) if _NUMERIC.fullmatch(host) else host)]
    except (ValueError, OSError):
        return look_up(host, port)


# -- what is allowed nevertheless ---------------------------------------------------------------


class Place(NamedTuple):
    """Addresses that links may lead to although they are inside the network.

    Attributes:
        port: the only one; None means all.
    """

    network: Network
    port: int | None

    def covers(self, address: Address, port: int) -> bool:
        return self.port in (None, port) and address in self.network


def may_be_reached(address: Address, port: int, allowed: Sequence[Place]) -> bool:
    """Whether a stranger's link may lead to an address: it is public and not ours, or allowed."""
    if any(place.covers(plain(address), port) for place in allowed):
        return True
    return is_public(address) and not is_own(address)


def allowed_places(setting: str) -> tuple[Place, ...]:
    """The places that AUTOINTEL_ALLOWED_HOSTS names; host names are looked up now.

    A name that has no address at the moment allows nothing.

    Raises:
        SettingsError: an entry that is neither a name nor an address nor a network.
    """
    entries = filter(None, (entry.strip() for entry in setting.split(",")))
    return tuple(place for entry in entries for place in _places(entry))


def _places(entry: str) -> Iterator[Place]:
    match = _ENTRY.fullmatch(entry)
    host, port = entry, None
    if match and not match["bare"]:
        host, port = match["v6"] or match["host"], match["p6"] or match["port"]
    if port is not None and not 0 < int(port) < 65536:
        raise _malformed(entry)
    number = int(port) if port else None
    try:
        yield Place(ip_network(host, strict=False), number)
    except ValueError:
        if not _NAME.fullmatch(host) or _NUMERIC.fullmatch(host):
            raise _malformed(entry) from None
        yield from (Place(ip_network(address), number) for address in look_up(host))


def _malformed(entry: str) -> SettingsError:
    return SettingsError(
        f"AUTOINTEL_ALLOWED_HOSTS has the entry {entry[:80]!r}, which is neither a host name nor "
        "an address nor a network.",
        "Write it like nas.local, 192.168.1.5, 192.168.1.0/24, nas.local:8080 or [fd00::5]:8080.",
    )
