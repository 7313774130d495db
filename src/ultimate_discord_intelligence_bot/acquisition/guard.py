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
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from ..errors import AddressRefused, AutointelError
from ..network import (
    DEFAULT_PORTS,
    Address,
    Place,
    addresses_of,
    allowed_places,
    is_name,
    look_up,
    may_be_reached,
    plain,
)

End = Callable[[AutointelError], NoReturn]

_FAMILIES = {socket.AF_INET, socket.AF_INET6, -1}
_KINDS = {socket.SOCK_STREAM, socket.SOCK_DGRAM, -1}
_SHUT_IN = {"--no-remote", "--cached-only", "--no-prompt"}
_PERMISSIONS = re.compile(r"--(?:allow|permission|unsafely)|-[^-]")


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
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        for address in look_up(self._here.host, port):
            if not self._permits(address, port):
                self.end(self._refusal(address))

    def permits(self, url: str) -> bool:
        """Whether a link may be followed, by the addresses that its host has now.

        For links that are left out when they may not; a connection is judged all the same. A
        host without an address is permitted: the attempt will tell.
        """
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        addresses = addresses_of(parts.hostname or "", port)
        return all(self._permits(address, port) for address in addresses)

    def _connect(self, sock: Any, target: Any) -> None:
        if target is None or getattr(self._here, "probing", False):
            return
        address, port = _literal(target)
        if address is None:
            self.end(AddressRefused("A connection was asked for by name instead of by address."))
        through_proxy = any(place.covers(plain(address), port) for place in self._proxy)
        if not through_proxy and not self._permits(address, port):
            self.end(self._refusal(address))

    def _permits(self, address: Address, port: int) -> bool:
        # Whether an address is our own is found with a socket that is no way out.
        self._here.probing = True
        try:
            return may_be_reached(address, port, self._allowed)
        finally:
            self._here.probing = False

    def _refusal(self, address: Address) -> AddressRefused:
        host = getattr(self._here, "host", "")
        shown = plain(address)
        place = f"{host} ({shown})" if is_name(host) else str(shown)
        return AddressRefused(f"The link leads to {place}, an address inside the network.")


def _place_of(proxy: str) -> tuple[Place, ...]:
    parts = urlsplit(proxy)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 1080)
    return tuple(Place(ip_network(found), port) for found in look_up(parts.hostname or "", port))


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
