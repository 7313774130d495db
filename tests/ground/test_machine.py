"""What the machine or the container lets us use."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot import machine
from ultimate_discord_intelligence_bot.machine import MB, Memory, Watch

GB = 1024 * MB
ROOT = Path("/sys/fs/cgroup")
MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1000 kB\nMemAvailable:    8388608 kB\n"
NO_LIMIT = str(2**63 - 4096)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the files of a kernel are looked for."""
    monkeypatch.setattr(machine, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "cgroup")
    return tmp_path


def put(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


# -- memory -----------------------------------------------------------------------------------


def test_a_machine_without_containers_keeps_a_reserve(kernel: Path) -> None:
    put(kernel, {"proc/meminfo": MEMINFO})

    assert machine.memory() == Memory(15 * GB, 7 * GB)


def test_a_container_of_version_2_counts_without_its_cache(kernel: Path) -> None:
    put(
        kernel,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/\n",
            "cgroup/memory.max": f"{2000 * MB}\n",
            "cgroup/memory.current": f"{1500 * MB}\n",
            "cgroup/memory.stat": (
                f"anon {1000 * MB}\ninactive_file {300 * MB}\nactive_file {100 * MB}\n"
                f"slab_reclaimable {100 * MB}\nshmem 5\n"
            ),
        },
    )

    assert machine.memory() == Memory(1800 * MB, 800 * MB)


def test_the_tightest_group_around_us_counts(kernel: Path) -> None:
    put(
        kernel,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/system.slice/autointel.service\n",
            "cgroup/system.slice/memory.max": f"{1000 * MB}",
            "cgroup/system.slice/memory.current": f"{100 * MB}",
            "cgroup/system.slice/autointel.service/memory.max": "max\n",
            "cgroup/system.slice/autointel.service/memory.current": "1",
        },
    )

    assert machine.memory() == Memory(900 * MB, 800 * MB)


def test_a_container_of_version_1_counts_its_children_s_cache(kernel: Path) -> None:
    put(
        kernel,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "4:memory:/docker/of-the-host\n2:cpu,cpuacct:/docker/x\n0::/\n",
            "cgroup/memory/memory.limit_in_bytes": f"{1000 * MB}\n",
            "cgroup/memory/memory.usage_in_bytes": f"{600 * MB}\n",
            "cgroup/memory/memory.stat": (
                f"inactive_file 7\ntotal_inactive_file {100 * MB}\ntotal_active_file {50 * MB}\n"
            ),
        },
    )

    assert machine.memory() == Memory(900 * MB, 450 * MB)


def test_no_limit_of_version_1_is_none(kernel: Path) -> None:
    put(
        kernel,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "4:memory:/\n",
            "cgroup/memory/memory.limit_in_bytes": NO_LIMIT,
            "cgroup/memory/memory.usage_in_bytes": "0",
        },
    )

    assert machine.memory().limit == 15 * GB


def test_a_limit_of_one_s_own_counts_the_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "family_footprint", lambda: 300 * MB)

    assert machine.memory(400) == Memory(400 * MB, 100 * MB)
    assert machine.memory(256) == Memory(256 * MB, 0)


def test_where_the_kernel_tells_nothing_the_machine_as_a_whole_counts(kernel: Path) -> None:
    found = machine.memory()

    assert 0 < found.available < found.limit
    assert machine.family_footprint() == 0
    assert machine.cores() >= 1


NONSENSE = ("", "\n", "-1", "max", "9" * 5000, "²", "1e9", "nan", "\x00\xff", "0 0", ": : :")


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_files_with_nonsense_limit_nothing(kernel: Path, nonsense: str) -> None:
    names = ("memory.max", "memory.current", "memory.stat", "cpu.max", "cpu.cfs_quota_us")
    put(kernel, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/../..\n" + nonsense})
    put(kernel, {f"cgroup/{name}": nonsense for name in names})
    put(kernel, {"proc/7/stat": nonsense, "proc/7/smaps_rollup": nonsense})

    assert machine.memory().limit == 15 * GB
    assert machine.cores() == len(os.sched_getaffinity(0))
    assert machine.family(7) == {7}
    assert machine.footprint(7) == 0


@given(st.text())
def test_no_text_breaks_what_reads_it(text: str) -> None:
    assert machine.quota_of(text) > 0
    machine.limit_of(text)
    machine.parent_of(text)
    assert machine.cache_of(machine._numbers(text)) >= 0
    assert all(ROOT in (f, *f.parents) for f in machine.groups_of(text, "memory", ROOT))


# -- cores ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "cores"),
    [
        ("max 100000", math.inf),
        ("200000 100000\n", 2.0),
        ("50000 100000", 0.5),
        ("-1 100000", math.inf),  # version 1
        ("100000", math.inf),
        ("100000 0", math.inf),
    ],
)
def test_a_quota_is_told_in_cores(told: str, cores: float) -> None:
    assert machine.quota_of(told) == cores


def test_half_a_core_is_one(kernel: Path) -> None:
    put(kernel, {"proc/self/cgroup": "0::/\n", "cgroup/cpu.max": "50000 100000"})

    assert machine.cores() == 1


def test_a_quota_of_version_1_counts(kernel: Path) -> None:
    put(kernel, {"proc/self/cgroup": "1:cpu,cpuacct:/x\n"})
    put(kernel / "cgroup/cpu/x", {"cpu.cfs_quota_us": "100000\n", "cpu.cfs_period_us": "100000\n"})

    assert machine.cores() == 1


# -- the heap ---------------------------------------------------------------------------------

THREADS = """
import os, re, sys, threading
from ultimate_discord_intelligence_bot.machine import share_heap

if sys.argv[1] == "shared":
    share_heap()
held, all_there = [], threading.Barrier(9)


def take():
    held.append([os.urandom(1000) for _ in range(1000)])
    all_there.wait()


for _ in range(8):
    threading.Thread(target=take).start()
all_there.wait()
starts = re.findall(r"^([0-9a-f]+)-.* 0 *$", open("/proc/self/maps").read(), re.MULTILINE)
print(sum(int(start, 16) % (64 << 20) == 0 for start in starts))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has several heaps")
def test_threads_share_one_heap_unless_the_operator_says_otherwise() -> None:
    def heaps(how: str, **environment: str) -> int:
        """How many heaps there are besides the first."""
        command = [sys.executable, "-c", THREADS, how]
        told = subprocess.check_output(command, env=os.environ | environment, text=True)
        return int(told)

    assert heaps("shared") == 0
    assert heaps("by default") > 1
    assert heaps("shared", MALLOC_ARENA_MAX="4") == 3


# -- processes --------------------------------------------------------------------------------


def test_a_family_is_a_process_and_all_below_it() -> None:
    code = "import subprocess, sys; subprocess.run(['sleep', '60'])"
    with subprocess.Popen([sys.executable, "-c", code]) as child:
        try:
            while len(family := machine.family(child.pid)) < 2:
                assert child.poll() is None
            assert family < machine.family()
            assert 0 < machine.footprint(child.pid) < machine.family_footprint()
        finally:
            for process in family:
                os.kill(process, 9)


def test_a_program_may_call_itself_anything() -> None:
    assert machine.parent_of("12 (a) S 99 (b)) S 7 12 12 0") == 7


# -- what follows -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("megabytes", "cores", "runs"),
    [(512, 8, 1), (1500, 8, 1), (2048, 8, 2), (4096, 2, 2), (4096, 1, 2), (65536, 8, 8)],
)
def test_runs_follow_cores_and_memory(megabytes: int, cores: int, runs: int) -> None:
    assert machine.sensible_runs(megabytes * MB, cores) == runs


@given(st.integers(0, 2**50), st.integers(1, 4096))
def test_there_is_always_a_run_and_never_a_crowd(limit: int, cores: int) -> None:
    assert 1 <= machine.sensible_runs(limit, cores) <= 16


def test_a_watch_looks_once_a_second_and_anew_when_the_limit_changes() -> None:
    looks: list[int | None] = []

    def look(most_mb: int | None) -> Memory:
        looks.append(most_mb)
        return Memory(GB, GB if most_mb is None else MB)

    watch = Watch(look)
    assert not any(watch.is_short() for _ in range(50))
    assert len(looks) < 10
    watch.keep_to(300)
    assert watch.is_short()
    assert looks[-1] == 300
