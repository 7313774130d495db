"""Where the download process may connect to, judged on the address at the moment of connecting.

The guard is an audit hook: the interpreter calls it before every connection, whoever asks for it,
and nothing can remove it. It is given the address itself, so that redirects, playlists, keys and
names that change their address are all the same to it. A refusal ends the process: no retry, no
other format and no forgiving `except` can go on behind it.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

from ..errors import AddressRefused, AutointelError, SettingsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
End = Callable[[AutointelError], NoReturn]

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
_FAMILIES = {socket.AF_INET, socket.AF_INET6, -1}
_KINDS = {socket.SOCK_STREAM, socket.SOCK_DGRAM, -1}
_SHUT_IN = {"--no-remote", "--cached-only", "--no-prompt"}
_PERMISSIONS = re.compile(r"--(?:allow|permission|unsafely)|-[^-]")
_DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080}


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


def _is_own(address: Address) -> bool:
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
        yield from (Place(ip_network(address), number) for address in _look_up(host))


def _malformed(entry: str) -> SettingsError:
    return SettingsError(
        f"AUTOINTEL_ALLOWED_HOSTS has the entry {entry[:80]!r}, which is neither a host name nor "
        "an address nor a network.",
        "Write it like nas.local, 192.168.1.5, 192.168.1.0/24, nas.local:8080 or [fd00::5]:8080.",
    )


def _look_up(host: str, port: int | None = None) -> list[Address]:
    """The addresses of a name, however it is written; none when there are none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ip_address(str(sockaddr[0])) for *_, sockaddr in found]


# -- the guard ----------------------------------------------------------------------------------


class Guard:
    """Watches every connection and every start of a program in this process.

    Args:
        allowed: AUTOINTEL_ALLOWED_HOSTS.
        proxy: AUTOINTEL_PROXY; its address may be connected to, but no link may name it.
        end: tells the parent why and ends this process.

    Raises:
        SettingsError: an entry of the allowed hosts cannot be understood.
    """

    def __init__(self, allowed: str, proxy: str | None, end: End) -> None:
        self.end = end
        self._allowed = allowed_places(allowed)
        self._proxy = _place_of(proxy) if proxy else ()
        self._here = threading.local()
        self._listeners: dict[str, Callable[..., None]] = {
            "socket.__new__": _only_internet,
            "socket.bind": _only_any_port,
            "socket.connect": self._connect,
            "socket.sendto": self._connect,
            "socket.sendmsg": self._connect,
            "subprocess.Popen": _only_deno,
            "os.posix_spawn": _only_deno,
            "os.exec": _only_deno,
            "os.system": _nothing,
            "os.fork": _nothing,
            "os.forkpty": _nothing,
        }

    def install(self) -> None:
        """Watch from now on until this process ends."""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if listener := self._listeners.get(event):
            listener(*args)

    def head_for(self, url: str) -> None:
        """Note the request that is about to be made, and with a proxy judge it by its host.

        What a proxy connects to cannot be seen; but what is inside the network for us must not
        be asked of it either.
        """
        parts = urlsplit(url)
        self._here.host = parts.hostname or ""
        if not self._proxy:
            return
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        for address in _look_up(self._here.host, port):
            if not self._permits(address, port):
                self.end(self._refusal(address))

    def permits(self, url: str) -> bool:
        """Whether a link may be followed, by the addresses that its host has now.

        For links that are left out when they may not; a connection is judged all the same. A
        host without an address is permitted: the attempt will tell.
        """
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        host = parts.hostname or ""
        try:
            addresses = [ip_address(socket.inet_aton(host) if _NUMERIC.fullmatch(host) else host)]
        except (ValueError, OSError):
            addresses = _look_up(host, port)
        return all(self._permits(address, port) for address in addresses)

    def _connect(self, sock: Any, target: Any) -> None:
        if target is None or getattr(self._here, "probing", False):
            return
        address, port = _literal(target)
        if address is None:
            self.end(AddressRefused("A connection was asked for by name instead of by address."))
        through_proxy = any(place.covers(_plain(address), port) for place in self._proxy)
        if not through_proxy and not self._permits(address, port):
            self.end(self._refusal(address))

    def _permits(self, address: Address, port: int) -> bool:
        if any(place.covers(_plain(address), port) for place in self._allowed):
            return True
        if not is_public(address):
            return False
        self._here.probing = True
        try:
            return not _is_own(address)
        finally:
            self._here.probing = False

    def _refusal(self, address: Address) -> AddressRefused:
        host = getattr(self._here, "host", "")
        named = _NAME.fullmatch(host) and not _NUMERIC.fullmatch(host) and len(host) < 254
        shown = _plain(address)
        place = f"{host} ({shown})" if named else str(shown)
        return AddressRefused(f"The link leads to {place}, an address inside the network.")


def _place_of(proxy: str) -> tuple[Place, ...]:
    parts = urlsplit(proxy)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 1080)
    return tuple(Place(ip_network(found), port) for found in _look_up(parts.hostname or "", port))


def _literal(target: Any) -> tuple[Address | None, int]:
    """The address and port of a socket address; no address for a name or a path."""
    match target:
        case (str(host), int(port), *rest):
            scope = rest[1] if len(rest) > 1 else 0
            try:
                return ip_address(f"{host}%{scope}" if scope and "%" not in host else host), port
            except ValueError:
                pass
    return None, 0


def _plain(address: Address) -> Address:
    """The IPv4 address that a mapped IPv6 address is only another way to write."""
    return getattr(address, "ipv4_mapped", None) or address


# -- other ways out -----------------------------------------------------------------------------


def _only_internet(sock: Any, family: int, kind: int, protocol: int) -> None:
    # The kind may carry flags such as SOCK_CLOEXEC above its lowest four bits.
    if family not in _FAMILIES or (kind if kind < 0 else kind & 15) not in _KINDS:
        raise PermissionError("The download process opens internet connections only.")


def _only_any_port(sock: Any, target: Any) -> None:
    if not (isinstance(target, tuple) and target[1] == 0):
        raise PermissionError("The download process offers nothing to others.")


def _only_deno(program: Any, arguments: Any, *_: Any) -> None:
    """Let yt-dlp start deno, which solves the puzzles of some sites, without any permission."""
    words = [os.fsdecode(word) for word in arguments]
    if Path(os.fsdecode(program)).name == "deno":
        match words[1:]:
            case ["--version"]:
                return
            case ["run", *options, "-"]:
                loosened = any(_PERMISSIONS.match(option) for option in options)
                if set(options) >= _SHUT_IN and not loosened:
                    return
    raise PermissionError(f"The download process may not start {os.fsdecode(program)}.")


def _nothing(*_: Any) -> None:
    raise PermissionError("The download process may not start programs.")
