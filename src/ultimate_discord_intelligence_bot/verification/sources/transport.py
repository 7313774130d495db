"""How connections to strangers are made: every address is judged, then connected to as judged.

Imported only by a client that is opened, because httpx takes long to import.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from ...errors import AddressRefused, HostUnknown
from ...network import Address, Place, addresses_of, is_name, is_public, may_be_reached, plain

_SCHEMES = {"http": 80, "https": 443}
_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
KEY = "autointel.key"
"""Extension of a request: name, value and place of the key that is added on its way out."""

_LONGEST_CONNECT = 5.0
_CONNECTIONS = 32


class Door:
    """Which addresses of a host may be connected to.

    Args:
        allowed: AUTOINTEL_ALLOWED_HOSTS.
        trusted: host and port of places that may be inside the network; may grow.
    """

    def __init__(self, allowed: Sequence[Place], trusted: Collection[tuple[str, int]]) -> None:
        self._allowed = allowed
        self._trusted = trusted

    async def addresses(self, host: str, port: int) -> list[Address]:
        """The addresses of a host that may be connected to, best first; looked up off the loop.

        Raises:
            HostUnknown: it has no address.
            AddressRefused: it has only such as nobody must be led to.
        """
        found = list(dict.fromkeys(await asyncio.to_thread(addresses_of, host, port)))
        if not found:
            raise HostUnknown(f"{host[:100]} is not known: the name has no address.")
        if (host.lower(), port) in self._trusted:
            return found
        open_to = await asyncio.to_thread(self._permitted, found, port)
        if not open_to:
            shown = f"{host} ({plain(found[0])})" if is_name(host) else str(plain(found[0]))
            raise AddressRefused(f"The link leads to {shown}, an address inside the network.")
        return open_to

    def trusts(self, host: str, port: int) -> bool:
        """Whether the operator named a place, so that it may be inside the network."""
        return (host.lower(), port) in self._trusted

    def _permitted(self, found: Iterable[Address], port: int) -> list[Address]:
        return [address for address in found if may_be_reached(address, port, self._allowed)]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to the addresses that a door is open to, and to no name."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers; the name is looked up exactly once."""
        failure: Exception | None = None
        patience = min(timeout or _LONGEST_CONNECT, _LONGEST_CONNECT)
        for address in await self._door.addresses(host, port):
            try:
                return await self._inner.connect_tcp(
                    str(address), port, patience, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("There was no address to connect to.")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.UnsupportedProtocol("Only hosts are connected to.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """What httpx sends its requests through, each hop of a redirect anew.

    With a proxy the host of a request is judged by the addresses that it has here, because what
    a proxy connects to cannot be seen; a trusted host inside the network is reached without it.

    Raises:
        AddressRefused: a request leads inside the network.
        HostUnknown: its host has no address, and there is no proxy that might know it.
    """

    def __init__(self, door: Door, tls: SSLContext, proxy: str | None) -> None:
        self._door = door
        self._direct = _pool(door, tls)
        self._proxied: httpcore.AsyncConnectionPool | None = None
        if proxy:
            url = httpx.URL(proxy)
            port = url.port or _PROXY_PORTS.get(url.scheme, 1080)
            auth = (url.username.encode(), url.password.encode()) if url.username else None
            place = httpcore.Proxy(
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=port, target=b"/"),
                auth=auth,
            )
            self._proxied = _pool(Door((), {(url.host.lower(), port)}), tls, place)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in _SCHEMES or not url.host or not 0 < (url.port or 80) < 65536:
            raise httpx.UnsupportedProtocol("Only http and https are spoken.", request=request)
        pool = await self._way(request.url)
        url, headers = _with_key(request)
        answer = await pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=headers,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer.stream))

    async def _way(self, url: httpx.URL) -> httpcore.AsyncConnectionPool:
        if self._proxied is None:
            return self._direct
        port = url.port or _SCHEMES[url.scheme]
        try:
            addresses = await self._door.addresses(url.host, port)
        except HostUnknown:
            return self._proxied
        if self._door.trusts(url.host, port) and not all(map(is_public, addresses)):
            return self._direct
        return self._proxied

    async def aclose(self) -> None:
        await self._direct.aclose()
        if self._proxied is not None:
            await self._proxied.aclose()


def _pool(
    door: Door, tls: SSLContext, proxy: httpcore.Proxy | None = None
) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(
        ssl_context=tls,
        proxy=proxy,
        max_connections=_CONNECTIONS,
        keepalive_expiry=15.0,
        network_backend=GuardedBackend(door),
    )


def _with_key(request: httpx.Request) -> tuple[httpx.URL, list[tuple[bytes, bytes]]]:
    """Where a request goes and its headers, with the key that nobody before has seen."""
    url, headers = request.url, list(request.headers.raw)
    if key := request.extensions.get(KEY):
        name, value, place = key
        if place == "query":
            url = url.copy_add_param(name, value)
        elif place == "cookie":
            headers.append((b"Cookie", f"{name}={value}".encode()))
        else:
            headers.append((name.encode(), value.encode()))
    return url, headers


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
