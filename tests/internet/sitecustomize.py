"""The internet as the download process sees it in tests: names, and nothing outside loopback.

Takes the place of ``tests/offline/sitecustomize.py`` in the processes of these tests: there an
audit hook refuses strange addresses before the guard would see them.

Environment: AUTOINTEL_TEST_NAMES is a JSON object of host names and the addresses that successive
look-ups answer with, the last one for ever.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections import Counter
from pathlib import Path
from typing import Any

_names: dict[str, list[str]] = json.loads(os.environ.get("AUTOINTEL_TEST_NAMES", "{}"))
_asked: Counter[str] = Counter()
_getaddrinfo, _connect = socket.getaddrinfo, socket.socket.connect


def _look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    if addresses := _names.get(str(host)):
        turn = min(_asked[host], len(addresses) - 1)
        _asked[host] += 1
        host = addresses[turn]
    elif str(host).endswith((".test", ".invalid")):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _getaddrinfo(host, port, *args, **kwargs)


def _connect_within(self: socket.socket, address: Any) -> None:
    sys.audit("socket.connect", self, address)
    # The guard has its say first; what it lets pass still does not leave this machine.
    if self.type == socket.SOCK_STREAM and not _is_local(address[0]):
        with Path(os.environ["AUTOINTEL_TEST_ATTEMPTS"]).open("a") as file:
            file.write(f"connection to {address} by {sys.argv[:3]}\n")
        raise PermissionError("The tests reach nothing but loopback.")
    _connect(self, address)


def _is_local(host: str) -> bool:
    return host.startswith("127.") or host in {"::1", "0.0.0.0", "::"}


socket.getaddrinfo = _look_up
socket.socket.connect = _connect_within  # type: ignore[method-assign,assignment]
