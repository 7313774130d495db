"""What this machine, or the container we are in, lets us use: cores and main memory.

On Linux the limits of both versions of cgroups count; elsewhere the machine as a whole does, and
what is in use by others is not known.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MB = 1 << 20

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_NO_LIMIT = 1 << 60
"""What version 1 shows where there is none is a little less than 2**63."""

_RESERVE = 0.1
_MOST_RESERVE = 1024 * MB
_FRESH_S = 1.0

_BASE_MB, _RUN_MB = 1024, 384
"""What a worker takes and what each run adds to it, rounded up (docs/analysis/resources.md)."""

_MOST_RUNS = 16

_M_ARENA_MAX = -8  # as in malloc.h


@dataclass(frozen=True)
class Memory:
    """Main memory, in bytes.

    Attributes:
        limit: most that may ever be in use.
        available: what may be used now beyond what is in use.
    """

    limit: int
    available: int


def cores() -> int:
    """Processor cores that this process may use, at least 1."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        allowed = os.cpu_count() or 1
    quotas = (_quota(folder) for folder in _groups("cpu"))
    return max(1, math.floor(min((float(allowed), *quotas))))


def memory(most_mb: int | None = None) -> Memory:
    """Main memory that this process and its children may use.

    Args:
        most_mb: a limit of one's own, in megabytes; None means all that the machine and the
            container allow, less a reserve of a tenth or a gigabyte.
    """
    found = [_machine(), *filter(None, map(_group_memory, _groups("memory")))]
    if most_mb is None:
        found = [_less_reserve(each) for each in found]
    else:
        most = most_mb * MB
        found.append(Memory(most, max(0, most - family_footprint())))
    return Memory(min(each.limit for each in found), min(each.available for each in found))


def sensible_runs(limit: int, usable_cores: int) -> int:
    """How many runs a worker does at once: one for each core, as far as the memory goes.

    Args:
        limit: most bytes of main memory.
        usable_cores: see ``cores``.

    Returns:
        1 to 16; 2 on a single core as well, since a run also waits for others.
    """
    fitting = (limit // MB - _BASE_MB) // _RUN_MB
    return max(1, min(max(2, usable_cores), fitting, _MOST_RUNS))


class Watch:
    """Looks at the memory of this process now and then, for those who ask often. Thread-safe.

    Args:
        look: by default ``memory``.
    """

    def __init__(self, look: Callable[[int | None], Memory] = memory) -> None:
        self._look = look
        self._most_mb: int | None = None
        self._at, self._short = -math.inf, False
        self._lock = threading.Lock()

    def keep_to(self, most_mb: int | None) -> None:
        """Count memory from now on as ``memory`` does with this argument."""
        with self._lock:
            if most_mb != self._most_mb:
                self._most_mb, self._at = most_mb, -math.inf

    def is_short(self) -> bool:
        """Whether there is no memory left for one more run; at most a second old."""
        with self._lock:
            if time.monotonic() - self._at > _FRESH_S:
                self._short = self._look(self._most_mb).available < _RUN_MB * MB
                self._at = time.monotonic()
            return self._short


watch = Watch()
"""Of this process."""


# -- the heap -------------------------------------------------------------------------------------


def share_heap() -> None:
    """Let all threads of this process take memory from one heap. Call it before threads begin.

    Otherwise glibc gives them up to eight heaps for each core, and what is free in one of them is
    of no use to the others: a worker grows for hours. ``MALLOC_ARENA_MAX`` says otherwise.
    Elsewhere than on Linux with glibc nothing happens.
    """
    if "MALLOC_ARENA_MAX" in os.environ or not sys.platform.startswith("linux"):
        return
    import ctypes

    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


# -- processes ------------------------------------------------------------------------------------


def footprint(process: int) -> int:
    """Bytes of main memory that a process takes, shared pages divided among those who share them.

    Returns:
        0 for one that is gone, or where the system does not tell.
    """
    folder = _PROC / str(process)
    if (told := _numbers(_read(folder / "smaps_rollup"))).get("Pss"):
        return told["Pss"] * 1024
    return _numbers(_read(folder / "status")).get("VmRSS", 0) * 1024


def family(process: int | None = None) -> frozenset[int]:
    """A process, by default this one, and all that it and its children have started."""
    children: dict[int, list[int]] = {}
    for name in _names(_PROC):
        if name.isdigit() and (parent := parent_of(_read(_PROC / name / "stat"))) is not None:
            children.setdefault(parent, []).append(int(name))
    found, new = set(), [os.getpid() if process is None else process]
    while new:
        found.add(one := new.pop())
        new += [child for child in children.get(one, ()) if child not in found]
    return frozenset(found)


def family_footprint(process: int | None = None) -> int:
    """Bytes that a family takes together; where the system does not tell, 0."""
    return sum(footprint(each) for each in family(process))


def domain() -> str:
    """A name that processes share whose numbers mean the same and whose memory has one limit."""
    spaces = ""
    with suppress(OSError):
        spaces = str((_PROC / "self" / "ns" / "pid").readlink())
    limited = (f for f in _groups("memory") if _group_memory(f) is not None)
    return f"{spaces} {next(limited, '')}"


# -- what the files of the kernel say -------------------------------------------------------------


def parent_of(stat: str) -> int | None:
    """The parent that ``/proc/<pid>/stat`` names; a program may put anything into its own name."""
    fields = stat.rpartition(")")[2].split()
    return _natural(fields[1]) if len(fields) > 1 else None


def quota_of(cpu_max: str) -> float:
    """Cores that a ``cpu.max`` (quota and period in microseconds) allows; infinity for no limit."""
    quota, period = (_natural(part) for part in (*cpu_max.split(), "", "")[:2])
    return quota / period if quota and period else math.inf


def limit_of(text: str) -> int | None:
    """Bytes that a ``memory.max`` or ``memory.limit_in_bytes`` allows; None for no limit."""
    found = _natural(text.strip())
    return None if found is None or found >= _NO_LIMIT else found


def cache_of(stat: Mapping[str, int]) -> int:
    """Bytes of a ``memory.stat`` that are given up when somebody needs them."""
    of_all = "total_" if "total_inactive_file" in stat else ""  # version 1: with its children
    files = sum(stat.get(f"{of_all}{part}_file", 0) for part in ("inactive", "active"))
    return files + stat.get("slab_reclaimable", 0)


def groups_of(cgroup: str, controller: str, root: Path) -> Iterator[Path]:
    """Folders that may hold the limits of a process, its own group first, then those around it.

    Args:
        cgroup: content of ``/proc/<pid>/cgroup``.
        controller: ``cpu`` or ``memory``.
        root: where groups are mounted. In a container the paths may be those of the host and lead
            nowhere; the root itself is then the container's own group.
    """
    for line in cgroup.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            base = root
        elif controller in controllers.split(","):
            base = root / controller
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for length in range(len(parts), -1, -1):
            yield base.joinpath(*parts[:length])


# -- reading them ---------------------------------------------------------------------------------


def _groups(controller: str) -> Iterator[Path]:
    return groups_of(_read(_PROC / "self" / "cgroup"), controller, _CGROUPS)


def _quota(folder: Path) -> float:
    text = _read(folder / "cpu.max")
    if not text:
        quota, period = (_read(folder / f"cpu.cfs_{part}_us") for part in ("quota", "period"))
        text = f"{quota.strip()} {period.strip()}"
    return quota_of(text)


def _group_memory(folder: Path) -> Memory | None:
    """What a group allows, where it has a limit."""
    for limit_name, usage_name in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit, used = limit_of(_read(folder / limit_name)), limit_of(_read(folder / usage_name))
        if limit is not None and used is not None:
            taken = max(0, used - cache_of(_numbers(_read(folder / "memory.stat"))))
            return Memory(limit, max(0, limit - taken))
    return None


def _machine() -> Memory:
    told = _numbers(_read(_PROC / "meminfo"))
    if total := told.get("MemTotal", 0) * 1024:
        return Memory(total, told.get("MemAvailable", told.get("MemFree", 0)) * 1024)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Memory(total, max(0, total - _own_peak()))


def _own_peak() -> int:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _less_reserve(found: Memory) -> Memory:
    reserve = min(int(found.limit * _RESERVE), _MOST_RESERVE)
    return Memory(found.limit - reserve, max(0, found.available - reserve))


def _numbers(text: str) -> dict[str, int]:
    """The first number of each line, by the word before it."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, *rest = line.replace(":", " ", 1).split()[:2] or [""]
        if rest and (number := _natural(rest[0])) is not None:
            found[name] = number
    return found


def _natural(text: str) -> int | None:
    """A number as the kernel writes it; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _read(path: Path) -> str:
    """The content of a file of the kernel; empty where there is none, or none for us."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _names(folder: Path) -> Iterable[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return ()
