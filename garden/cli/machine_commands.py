"""``garden hardware``, ``garden engine`` and ``garden doctor``."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass

import click

from garden.cli.output import json_option, opened, print_json, print_table
from garden.core.errors import GardenError
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.paths import cache_dir, data_dir
from garden.core.quantity import format_bytes
from garden.services.garden import Garden

#: Below this a download or a quantization of a common model would fill the disk.
_LOW_DISK_BYTES = 5 * 1024**3


@click.command(help="What this machine has: memory, processor, GPUs, engine.")
@json_option
def hardware(as_json: bool) -> None:
    """Print the machine."""
    with opened() as garden:
        machine = garden.machine.refresh().result()
    if as_json:
        print_json(hardware_document(machine))
        return
    limit = " (limited by a control group)" if machine.ram_limited_by_cgroup else ""
    total, free = format_bytes(machine.ram_total_bytes), format_bytes(machine.ram_available_bytes)
    click.echo(f"Memory    {free} of {total} free{limit}")
    features = f" · {', '.join(machine.cpu.features)}" if machine.cpu.features else ""
    click.echo(f"Processor {machine.cpu.name}, {machine.cpu.physical_cores} cores{features}")
    for gpu in machine.gpus:
        memory = format_bytes(gpu.memory_total_bytes) if gpu.memory_total_bytes else "memory unknown"
        state = (
            "asleep"
            if gpu.asleep
            else (f"used by the engine as {gpu.device}" if gpu.device else "the engine cannot use it")
        )
        click.echo(f"GPU       {gpu.name}, {memory}, {state}")
    if not machine.gpus:
        click.echo("GPU       none found")
    engine = machine.engine
    devices = ", ".join(device.name for device in engine.devices)
    click.echo(
        f"Engine    llama-cpp-python {engine.version} on {devices}"
        if engine.installed
        else f"Engine    {engine.problem}"
    )


def hardware_document(machine: HardwareSnapshot) -> dict[str, object]:
    """The machine as JSON."""
    return {
        "ram_total_bytes": machine.ram_total_bytes,
        "ram_available_bytes": machine.ram_available_bytes,
        "cpu": {
            "name": machine.cpu.name,
            "physical_cores": machine.cpu.physical_cores,
            "features": list(machine.cpu.features),
        },
        "gpus": [
            {
                "name": gpu.name,
                "vendor": gpu.vendor,
                "memory_total_bytes": gpu.memory_total_bytes,
                "memory_free_bytes": gpu.memory_free_bytes,
                "unified": gpu.unified,
                "asleep": gpu.asleep,
            }
            for gpu in machine.gpus
        ],
        "engine": {
            "installed": machine.engine.installed,
            "version": machine.engine.version,
            "devices": [device.name for device in machine.engine.devices],
        },
    }


@click.command(help="The engine (llama.cpp) and its backends.")
@json_option
def engine(as_json: bool) -> None:
    """Print the engine."""
    with opened() as garden:
        found = garden.machine.refresh().result()
    document = {
        "version": found.engine.version,
        "ggml_version": found.engine.ggml_version,
        "backends": [
            {"name": backend.name, "path": backend.path, "devices": list(backend.devices), "self_test": None}
            for backend in found.engine.backends
        ],
    }
    if as_json:
        print_json(document)
        return
    if not found.engine.installed:
        raise GardenError(
            found.engine.problem or "The engine cannot be loaded.", "Run: python packaging/bootstrap.py setup"
        )
    click.echo(f"llama-cpp-python {found.engine.version}, ggml {found.engine.ggml_version or 'of unknown version'}")
    for backend in found.engine.backends:
        click.echo(f"  {backend.name}: {', '.join(backend.devices) or 'no device'}")
    for gpu in found.gpus:
        if gpu.device is None:
            click.echo(f"  {gpu.name} lies idle: this build has no backend for it.")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of the doctor."""

    name: str
    ok: bool
    detail: str
    action: str = ""


@click.command(help="What is wrong here, and what helps. Exit code 1 when something is.")
@json_option
def doctor(as_json: bool) -> None:
    """Print the checks."""
    with opened() as garden:
        checks = _checks(garden)
    if as_json:
        print_json([{"name": c.name, "ok": c.ok, "detail": c.detail, "action": c.action} for c in checks])
    else:
        rows = [("✓" if check.ok else "✗", check.name, f"{check.detail} {check.action}".strip()) for check in checks]
        print_table(("", "Check", "Finding"), rows)
    if not all(check.ok for check in checks):
        raise click.exceptions.Exit(1)


def _checks(garden: Garden) -> list[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    checks = [
        Check(
            "Python", sys.version_info >= (3, 11), version, "" if sys.version_info >= (3, 11) else "Use 3.11 or newer."
        )
    ]
    try:
        machine = garden.machine.refresh().result()
    except GardenError as error:
        checks.append(Check("Engine", False, error.sentence, error.action))
    else:
        checks += _engine_checks(machine)
    checks.append(_window_check())
    checks += [_folder_check("Data folder", str(data_dir())), _folder_check("Cache folder", str(cache_dir()))]
    checks.append(_hub_check(garden))
    here = garden.library.starter_available
    checks.append(
        Check(
            "Starter model",
            True,
            "Here." if here else "Not here (optional).",
            "" if here else "Fetch it: garden download starter",
        )
    )
    return checks


def _engine_checks(machine: HardwareSnapshot) -> list[Check]:
    found = machine.engine
    if not found.installed:
        return [
            Check("Engine", False, found.problem or "It cannot be loaded.", "Run: python packaging/bootstrap.py setup")
        ]
    devices = ", ".join(device.name for device in found.devices)
    checks = [Check("Engine", True, f"llama-cpp-python {found.version} on {devices}.")]
    idle = [gpu.name for gpu in machine.gpus if gpu.device is None]
    if idle:
        checks.append(
            Check(
                "GPU",
                True,
                f"{', '.join(idle)} lies idle.",
                "Build for it: python packaging/bootstrap.py engine --backend …",
            )
        )
    return checks


def _window_check() -> Check:
    if importlib.util.find_spec("PySide6") is None:
        return Check("Window", True, "PySide6 is not installed; the command line works without it.")
    version = importlib.metadata.version("PySide6-Essentials")
    if version.startswith("6.12.0") and sys.version_info < (3, 12):
        return Check(
            "Window", False, "PySide6 6.12.0 aborts on Python 3.11.", 'Run: pip install "PySide6-Essentials<6.12"'
        )
    display = sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return Check("Window", True, f"PySide6 {version}" + ("." if display else "; there is no display here."))


def _folder_check(name: str, path: str) -> Check:
    if not os.access(path, os.W_OK):
        return Check(name, False, f"{path} cannot be written.", "Change its permissions.")
    free = shutil.disk_usage(path).free
    return Check(
        name,
        free > _LOW_DISK_BYTES,
        f"{path}, {format_bytes(free)} free.",
        "" if free > _LOW_DISK_BYTES else "Free some space.",
    )


def _hub_check(garden: Garden) -> Check:
    if garden.settings.offline:
        return Check("Hub", True, "Offline by choice; no connection is opened.")
    from garden.hub.search_query import SearchQuery

    try:
        garden.catalog.search(SearchQuery(limit=1)).result(25)
    except GardenError as error:
        return Check("Hub", False, error.sentence, error.action)
    except TimeoutError:
        return Check("Hub", False, f"{garden.settings.endpoint} does not answer.", "Check the network.")
    return Check("Hub", True, f"{garden.settings.endpoint} answers.")
