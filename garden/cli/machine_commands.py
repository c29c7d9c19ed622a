"""``garden hardware`` and ``garden doctor``."""

from __future__ import annotations

import time

import click

from garden.cli.calibration_text import calibration_document, calibration_lines
from garden.cli.output import json_option, opened, print_json, print_table, wait
from garden.core.calibration import Calibration
from garden.core.errors import GardenError
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.quantity import GIB, format_bytes
from garden.fit.published_machine import PublishedMachine
from garden.services.doctor import check_up
from garden.services.garden import Garden
from garden.services.what_if import WhatIfService


@click.command(help="What this machine has: memory, processor, GPUs, engine.")
@click.option("--wake", is_flag=True, help="Wake GPUs that sleep, to read what they have free.")
@click.option(
    "--calibrate", is_flag=True, help="Measure how fast it is first, about 25 s; speeds are forecast from it."
)
@click.option("--catalogue", is_flag=True, help="List the machines that garden fit --machine knows instead.")
@json_option
def hardware(wake: bool, calibrate: bool, catalogue: bool, as_json: bool) -> None:
    """Print the machine."""
    if catalogue and (wake or calibrate):
        raise click.UsageError("--catalogue lists other machines; leave --wake and --calibrate out.")
    if catalogue:
        _print_catalogue(as_json)
        return
    with opened(notes_optional=True) as garden:
        machine = garden.machine.refresh(wake=wake).result()
        if calibrate:
            calibration: Calibration | None = wait(
                garden.calibration.measure(), garden, as_json=False, what="Measuring this machine"
            )
        else:
            calibration = garden.calibration.current()
    if as_json:
        measured = {"calibration": calibration_document(calibration)} if calibration else {}
        print_json({**hardware_document(machine), **measured})
        return
    limit = " (limited by a control group)" if machine.ram_limited_by_cgroup else ""
    total, free = format_bytes(machine.ram_total_bytes), format_bytes(machine.ram_free_bytes)
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
    lines = calibration_lines(calibration, time.time()) if calibration else []
    for number, line in enumerate(lines or ["not measured; garden hardware --calibrate does, in about 25 s"]):
        click.echo(f"{'' if number else 'Speed':10}{line}")


def _print_catalogue(as_json: bool) -> None:
    machines = WhatIfService.catalogue()
    if as_json:
        print_json(
            [
                {
                    "id": machine.id,
                    "name": machine.name,
                    "kind": machine.kind,
                    "memory_bytes": machine.memory_bytes,
                    "gpu_limit_bytes": machine.gpu_limit_bytes,
                    "memory_bandwidth_bytes_per_second": machine.memory_bandwidth_bytes_per_second,
                    "origin": machine.basis,
                }
                for machine in machines
            ]
        )
        return
    print_table(
        ("Machine", "Name", "Memory", "Bandwidth"),
        [(machine.id, machine.name, f"{machine.memory_bytes // GIB} GB", _bandwidth(machine)) for machine in machines],
    )


def _bandwidth(machine: PublishedMachine) -> str:
    bandwidth = machine.memory_bandwidth_bytes_per_second
    return f"{bandwidth / 1e9:.0f} GB/s" if bandwidth else "–"


def hardware_document(machine: HardwareSnapshot) -> dict[str, object]:
    """The machine as JSON."""
    return {
        "ram_total_bytes": machine.ram_total_bytes,
        "ram_available_bytes": machine.ram_free_bytes,
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


@click.command(help="What is wrong here, and what helps. Exit code 1 when something is.")
@json_option
def doctor(as_json: bool) -> None:
    """Print the checks."""
    checks = check_up(Garden.open)
    if as_json:
        print_json([{"name": c.name, "ok": c.ok, "detail": c.detail, "action": c.action} for c in checks])
    else:
        rows = [("✓" if check.ok else "✗", check.name, f"{check.detail} {check.action}".strip()) for check in checks]
        print_table(("", "Check", "Finding"), rows)
    wrong = [check for check in checks if not check.ok]
    if wrong:
        first = wrong[0]
        raise GardenError(f"{len(wrong)} of {len(checks)} checks failed. {first.name}: {first.detail}", first.action)
