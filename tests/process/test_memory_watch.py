"""A kill is blamed on the memory only where the kernel's count, or little free memory, says so."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from garden.process.memory_watch import MemoryWatch

Memory = namedtuple("Memory", ["total", "available"])


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 0.9)


def _free(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(total=16 * 2**30, available=int(share * 16 * 2**30)))


def _machine(folder: Path, groups: str, counters: dict[str, str]) -> tuple[Path, Path]:
    proc, cgroups = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(groups)
    cgroups.mkdir()
    for name, text in counters.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return proc, cgroups


_V2 = ("0::/user.slice/garden\n", "cgroup/user.slice/garden/memory.events", "low 0\noom 3\noom_kill {}\n")
_CONTAINER = ("0::/docker/abc\n", "cgroup/memory.events", "oom_kill {}\n")
_V1 = ("4:memory:/garden\n1:cpu:/\n", "cgroup/memory/garden/memory.oom_control", "under_oom 0\noom_kill {}\n")
_MACHINE = ("", "proc/vmstat", "pgfault 12\noom_kill {}\n")


@pytest.mark.parametrize(("groups", "counter", "text"), [_V2, _CONTAINER, _V1, _MACHINE])
def test_the_kernels_count_is_evidence(tmp_path: Path, groups: str, counter: str, text: str) -> None:
    proc, cgroups = _machine(tmp_path, groups, {counter: text.format(4)})
    watch = MemoryWatch(proc, cgroups)
    watch.look()

    assert not watch.ran_out()

    (tmp_path / counter).write_text(text.format(5))
    assert watch.ran_out()


def test_a_kill_in_a_group_beside_ours_is_none_of_ours(tmp_path: Path) -> None:
    groups, counter, text = _V2
    proc, cgroups = _machine(tmp_path, groups, {counter: text.format(0), "proc/vmstat": "oom_kill 1\n"})
    watch = MemoryWatch(proc, cgroups)

    (proc / "vmstat").write_text("oom_kill 2\n")

    assert not watch.ran_out()


def test_little_free_memory_at_the_last_look_is_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = MemoryWatch(tmp_path, tmp_path)
    _free(monkeypatch, 0.05)
    watch.look()
    # The child is gone, and its memory free again.
    _free(monkeypatch, 0.9)

    assert watch.ran_out()


def test_a_system_that_tells_nothing_is_no_evidence(tmp_path: Path) -> None:
    watch = MemoryWatch(tmp_path / "none", tmp_path / "none")
    watch.look()

    assert not watch.ran_out()
