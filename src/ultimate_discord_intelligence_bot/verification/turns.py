"""Work on many claims: all at once, or one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

_T = TypeVar("_T")


async def settled(
    work: Iterable[Callable[[], Awaitable[_T]]], *, together: bool
) -> list[_T | Exception]:
    """The result of each, or what it raised, in order.

    Args:
        work: begins one piece when called.
        together: whether all are begun at once.
    """
    if together:
        return await asyncio.gather(*(_settled(begin) for begin in work))
    return [await _settled(begin) for begin in work]


async def _settled(begin: Callable[[], Awaitable[_T]]) -> _T | Exception:
    try:
        return await begin()
    except Exception as error:
        return error
