"""The processor: its name, its cores, and the instruction sets that matter to the engine."""

from __future__ import annotations

import os
import platform
import sys
import threading
from pathlib import Path

import psutil

from garden.core.errors import GardenError
from garden.core.hardware_snapshot import Cpu
from garden.hardware.control_groups import CGROUPS, PROC, ControlGroup, groups_above
from garden.hardware.small_file import small_text
from garden.process.program import run_program

#: In the order of a reader's interest: as /proc/cpuinfo spells it, and as we do.
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

#: The same as macOS names them: Apple's processors by sysctl key, Intel's by a word in a list.
_APPLE_FEATURES = {
    "hw.optional.AdvSIMD": "neon",
    "hw.optional.arm.FEAT_DotProd": "dotprod",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
}
_MAC_INTEL_FEATURES = {"AVX2": "avx2", "AVX512F": "avx512", "FMA": "fma", "F16C": "f16c"}

_SYSCTL_SECONDS = 5.0

#: The same as numbers of IsProcessorFeaturePresent (winnt.h).
_WINDOWS_FEATURES = {40: "avx2", 41: "avx512", 19: "neon", 43: "dotprod"}


def read_cpu(cpuinfo: Path = Path("/proc/cpuinfo"), proc: Path = PROC, cgroups: Path = CGROUPS) -> Cpu:
    """Read it; cheap enough for every start.

    Args:
        cpuinfo: Where Linux describes processors.
        proc: Where the kernel tells of processes.
        cgroups: Where control groups are mounted.
    """
    name, features = _identify(cpuinfo)
    threads = _usable_threads(proc, cgroups)
    physical = psutil.cpu_count(logical=False) or threads
    return Cpu(name=name, physical_cores=max(1, min(physical, threads)), threads=threads, features=features)


def _usable_threads(proc: Path, cgroups: Path) -> int:
    """Hardware threads that this process may use: affinity and the control groups' quotas respected."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
    quotas = [quota for group in groups_above("cpu", proc, cgroups) if (quota := _quota(group)) is not None]
    return max(1, min(count, round(min(quotas)))) if quotas else count


def _quota(group: ControlGroup) -> float | None:
    """Processors that a control group grants, None for all."""
    if group.version == 2:
        both = small_text(group.folder / "cpu.max").split()
    else:
        both = [small_text(group.folder / name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
    if len(both) != 2 or not all(text.isdigit() for text in both) or int(both[1]) == 0:
        return None
    return int(both[0]) / int(both[1])


def _identify(cpuinfo: Path) -> tuple[str, tuple[str, ...]]:
    if sys.platform == "darwin":
        return _identify_mac()
    if sys.platform == "win32":
        return _identify_windows()
    fields: dict[str, str] = {}
    for line in small_text(cpuinfo).splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name") or fields.get("Hardware") or fields.get("Model") or platform.machine()
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    return name, tuple(ours for theirs, ours in _FEATURES.items() if theirs in flags)


def _identify_mac() -> tuple[str, tuple[str, ...]]:
    said = _sysctl("machdep.cpu.brand_string", *_APPLE_FEATURES, "machdep.cpu.features", "machdep.cpu.leaf7_features")
    name = said.get("machdep.cpu.brand_string") or platform.processor()
    if platform.machine() == "arm64":
        return name, tuple(ours for key, ours in _APPLE_FEATURES.items() if said.get(key) == "1")
    words = f"{said.get('machdep.cpu.features', '')} {said.get('machdep.cpu.leaf7_features', '')}".upper().split()
    return name, tuple(ours for theirs, ours in _MAC_INTEL_FEATURES.items() if theirs in words)


def _identify_windows() -> tuple[str, tuple[str, ...]]:
    name = platform.processor()
    features: tuple[str, ...] = ()
    if sys.platform == "win32":
        import ctypes
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            name = str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        features = tuple(ours for number, ours in _WINDOWS_FEATURES.items() if present(number))
    return name, features


def _sysctl(*keys: str) -> dict[str, str]:
    """What the system says of each key; one that this machine does not have is left out."""
    try:
        said = run_program(["sysctl", *keys], threading.Event(), limit_seconds=_SYSCTL_SECONDS).output
    except GardenError:
        return {}
    pairs = (line.partition(":") for line in said.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}
