"""The processor: its name, its cores, and the instruction sets that matter to the engine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil

from garden.core.hardware_snapshot import Cpu

#: In the order of a reader's interest; Linux and macOS spell some differently.
_FEATURES = {
    "avx2": "avx2",
    "avx512f": "avx512",
    "avx512_vnni": "avx512_vnni",
    "avx_vnni": "avx_vnni",
    "avx512_bf16": "avx512_bf16",
    "amx_int8": "amx_int8",
    "fma": "fma",
    "f16c": "f16c",
    "asimd": "neon",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "sve": "sve",
}


def read_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> Cpu:
    """Read it; cheap enough for every start."""
    name, flags = _identify(cpuinfo)
    threads = _usable_threads()
    physical = psutil.cpu_count(logical=False) or threads
    return Cpu(
        name=name,
        physical_cores=max(1, min(physical, threads)),
        threads=threads,
        features=tuple(ours for theirs, ours in _FEATURES.items() if theirs in flags),
    )


def _usable_threads() -> int:
    """Hardware threads that this process may use: affinity and the control group's quota respected."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return count
    return max(1, min(count, round(int(quota) / int(period)))) if quota.isdigit() else count


def _identify(cpuinfo: Path) -> tuple[str, frozenset[str]]:
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string") or platform.processor(), frozenset()
    if sys.platform == "win32":
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip(), frozenset()
    fields: dict[str, str] = {}
    try:
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    except OSError:
        pass
    name = fields.get("model name") or fields.get("Hardware") or platform.machine()
    return name, frozenset((fields.get("flags") or fields.get("Features") or "").split())


def _sysctl(name: str) -> str:
    done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False)
    return done.stdout.strip()
