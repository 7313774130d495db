"""Keeps Python processes off the network: only loopback can be reached.

Imported by the tests themselves and, through PYTHONPATH, by every Python process they start.
Attempts are written to the file that AUTOINTEL_TEST_ATTEMPTS names; the test session fails when
there are any.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import Any

_LOCAL_NAMES = {None, "", "localhost", socket.gethostname()}


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
        if not _is_local(host):
            _record(f"look-up of {host}")
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    elif event in {"socket.connect", "socket.sendto"}:
        address = args[1]
        if isinstance(address, tuple) and not _is_local(address[0]):
            _record(f"{event} to {address}")
            raise PermissionError(f"The tests reach nothing but loopback, not {address}.")


def _is_local(host: str | None) -> bool:
    if host in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(str(host).split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _record(attempt: str) -> None:
    # The reserved top-level domain is how tests ask for a host that does not exist.
    if ".invalid" not in attempt and (path := os.environ.get("AUTOINTEL_TEST_ATTEMPTS")):
        with Path(path).open("a") as file:
            file.write(f"{attempt} by {sys.argv[:3]}\n")


sys.addaudithook(_refuse)
