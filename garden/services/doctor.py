"""What is wrong on this machine, and what helps: checks that do the real thing in small."""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from garden.core.errors import GardenError
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.messages import Probe, Probed, ProbeOutput
from garden.core.paths import cache_dir, data_dir, hub_cache_dir
from garden.core.quantity import GIB, format_bytes
from garden.core.write_failure import reason_of, write_failure
from garden.hardware import probe
from garden.hub.search_query import SearchQuery
from garden.process.program import run_program
from garden.process.scratch_folder import sweep_scratch_folders
from garden.process.task import run_task
from garden.quantization.claim import sweep_leftovers

if TYPE_CHECKING:
    from garden.services.garden import Garden
from garden.services.idle_gpu import idle_gpu

#: Below this a download or a quantization of a common model would fill the disk.
LOW_DISK_BYTES = 2 * GIB

#: Below this hardly any language model runs.
LOW_MEMORY_BYTES = GIB

_SET_UP = "Run: python packaging/bootstrap.py setup"

#: What Qt's own wheels expect of a Linux system for a window.
_WINDOW_LIBRARIES = ("EGL", "GL", "xkbcommon", "xcb-cursor", "xcb-icccm", "xcb-keysyms", "xkbcommon-x11")
_HUB_SECONDS = 25.0

#: Loading Qt from a slow disk takes some seconds; longer than this it hangs.
_WINDOW_SECONDS = 60.0

#: Folders that Garden needs, the two it keeps its databases in first.
_FOLDERS = (("Data folder", data_dir), ("Cache folder", cache_dir), ("Downloads folder", hub_cache_dir))


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: What was looked at.
        ok: Whether Garden can work with it.
        detail: What was found, one sentence.
        action: What helps, empty when nothing is wrong.
    """

    name: str
    ok: bool
    detail: str
    action: str = ""


def check_up(open_garden: Callable[[], Garden]) -> tuple[Check, ...]:
    """Look at everything. Garden itself may be what does not open, so it is opened here, where its folders allow it.

    Args:
        open_garden: Opens the services.
    """
    folders = [_place(name, find) for name, find in _FOLDERS]
    checks = [_python(), *(check for check, _usable in folders)]
    unusable = [check for check, usable in folders[:2] if not usable]
    if unusable:
        first = unusable[0]
        detail = f"They were not opened: the {first.name.lower()} cannot be used."
        return (*checks, Check("Databases", False, detail, first.action), *_machine_alone(), *_looked_at_window())
    try:
        garden = open_garden()
    except GardenError as error:
        return (
            *checks,
            Check("Databases", False, error.sentence, error.action),
            *_machine_alone(),
            *_looked_at_window(),
        )
    with garden:
        recovered = garden.recovery
        checks.append(Check("Databases", recovered is None, recovered or f"{data_dir() / 'work.sqlite'} is whole."))
        checks += _looked_at("Models folder", lambda: [_folder("Models folder", garden.settings.models_dir)[0]])
        checks += _looked_at("Leftovers", lambda: [_leftovers()])
        checks += _looked_at("Engine", lambda: _machine(garden.machine.refresh().result()))
        checks += _looked_at_window()
        checks += _looked_at("Hub", lambda: [_hub(garden)])
        checks += _looked_at("Hub token", lambda: [Check("Hub token", True, garden.settings.token_status())])
        checks += _looked_at("Starter model", lambda: [_starter(garden)])
    return tuple(checks)


def _looked_at(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    """What a look found; a look that fails is a finding too, so that the others are still told."""
    try:
        return list(look())
    except GardenError as error:
        return [Check(name, False, error.sentence, error.action)]
    except OSError as error:
        return [Check(name, False, f"It cannot be looked at: {reason_of(error)}.")]


def _looked_at_window() -> list[Check]:
    return _looked_at("Window", lambda: [_window()])


def _machine_alone() -> list[Check]:
    """Memory, engine and GPUs where there is no Garden to ask."""

    def look() -> Iterable[Check]:
        found = run_task("probe", Probe(known=()), ProbeOutput, Probed)
        return _machine(probe.snapshot(found.engine, found.gpus))

    return _looked_at("Engine", look)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    new_enough = sys.version_info >= (3, 11)
    return Check("Python", new_enough, f"{version}.", "" if new_enough else "Install Python 3.11 or newer.")


def _place(name: str, find: Callable[[], Path]) -> tuple[Check, bool]:
    """What there is to say of a folder of Garden's, and whether it can be used."""
    try:
        return _folder(name, find())
    except GardenError as error:
        return Check(name, False, error.sentence, error.action), False
    except OSError as error:
        failure = write_failure(error, "It", action="Check the path's permissions.")
        return Check(name, False, failure.sentence, failure.action), False


def _folder(name: str, path: Path) -> tuple[Check, bool]:
    """Write a file where the folder is, or would be made, and look at the room left."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there) as written:
            written.write(b"garden")
            written.flush()
        free = shutil.disk_usage(there).free
    except OSError as error:
        failure = write_failure(error, str(path))
        return Check(name, False, failure.sentence, failure.action), False
    enough = free >= LOW_DISK_BYTES
    return Check(name, enough, f"{path}, {format_bytes(free)} free.", "" if enough else "Free some space."), True


def _machine(machine: HardwareSnapshot) -> Iterator[Check]:
    free = machine.ram_free_bytes
    yield Check(
        "Memory",
        free >= LOW_MEMORY_BYTES,
        f"{format_bytes(free)} of {format_bytes(machine.ram_total_bytes)} free.",
        "" if free >= LOW_MEMORY_BYTES else "Close other programs.",
    )
    engine = machine.engine
    if not engine.installed:
        yield Check("Engine", False, engine.problem or "It cannot be loaded.", _SET_UP)
        return
    devices = ", ".join(device.name for device in engine.devices)
    yield Check("Engine", True, f"llama-cpp-python {engine.version} on {devices}.")
    for gpu in machine.gpus:
        idle = idle_gpu(gpu, engine)
        if idle is None:
            yield Check("GPU", True, f"{gpu.name} is used as {gpu.device}.")
        else:
            helps = f"Run: {idle.command}" if idle.command else idle.action
            yield Check("GPU", True, f"{gpu.name} lies idle. {idle.reason}", helps)
    for backend in engine.backends:
        if backend.problem:
            yield Check(
                f"{backend.name} backend",
                False,
                backend.problem,
                f"Add it again, or: garden engine remove {backend.added}",
            )


def _window() -> Check:
    if importlib.util.find_spec("PySide6") is None:
        return Check("Window", True, "PySide6 is not installed; the command line works without it.", _SET_UP)
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        version = importlib.metadata.version("PySide6-Essentials")
        if version.startswith("6.12.0") and sys.version_info < (3, 12):
            upgrade = 'Run: pip install "PySide6-Essentials<6.12"'
            return Check("Window", False, "PySide6 6.12.0 aborts on Python 3.11.", upgrade)
    # In a process of its own: a Qt that does not fit the system must not take this one along.
    command = [sys.executable, "-c", "import PySide6.QtWidgets, PySide6; print(PySide6.__version__)"]
    done = run_program(command, threading.Event(), limit_seconds=_WINDOW_SECONDS)
    if done.code != 0:
        last = (done.errors.strip().splitlines() or ["it ended without a word"])[-1]
        return Check("Window", False, f"PySide6 cannot be loaded: {last[:200]}.", _SET_UP)
    found = f"PySide6 {done.output.strip()}"
    if sys.platform.startswith("linux"):
        missing = [f"lib{name}" for name in _WINDOW_LIBRARIES if ctypes.util.find_library(name) is None]
        if missing:
            return Check("Window", False, f"{found}, but the system lacks {', '.join(missing)}.", _SET_UP)
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            return Check("Window", True, f"{found}; there is no display here, the command line needs none.")
    return Check("Window", True, f"{found}.")


def _hub(garden: Garden) -> Check:
    if garden.settings.offline:
        return Check("Hub", True, "Offline by choice; no connection is opened.")
    try:
        garden.catalog.search(SearchQuery(limit=1)).result(_HUB_SECONDS)
    except GardenError as error:
        return Check("Hub", False, error.sentence, error.action)
    except TimeoutError:
        return Check("Hub", False, f"{garden.settings.endpoint} does not answer.", "Check the network.")
    return Check("Hub", True, f"{garden.settings.endpoint} answers.")


def _leftovers() -> Check:
    """Clear away what killed work left; a window does the same at its start."""
    removed, scratch = sweep_leftovers(), sweep_scratch_folders()
    said = []
    if removed:
        folders = ", ".join(sorted({str(part.parent) for part in removed}))
        count = "An unfinished model" if len(removed) == 1 else f"{len(removed)} unfinished models"
        said.append(f"{count} of quantizations that were killed: removed from {folders}.")
    if scratch:
        said.append(f"Temporary files of killed work: removed ({scratch}).")
    return Check("Leftovers", True, " ".join(said) or "Nothing was cut short.")


def _starter(garden: Garden) -> Check:
    if garden.library.starter_available:
        return Check("Starter model", True, "Here.")
    return Check("Starter model", True, "Not here; it is optional.", "Fetch it: garden download starter")
