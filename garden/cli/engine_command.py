"""``garden engine``."""

from __future__ import annotations

from pathlib import Path

import click

from garden.cli.output import json_option, opened, print_json, printable, wait
from garden.core.added_backend import AddedBackend, SelfTest
from garden.core.errors import EngineMissingError, NotFoundError
from garden.core.hardware_snapshot import EngineBackend, HardwareSnapshot
from garden.core.quantity import format_bytes, format_duration
from garden.services.backend_catalogue import PACKAGES
from garden.services.idle_gpu import idle_gpu


@click.group(invoke_without_command=True, help="The engine (llama.cpp) and its backends.")
@json_option
@click.pass_context
def engine(context: click.Context, as_json: bool) -> None:
    """List, unless a subcommand is named."""
    if context.invoked_subcommand is None:
        with opened(notes_optional=True) as garden:
            machine = garden.machine.refresh().result()
        _show(machine, as_json)


@engine.command("list", help="Version, backends and what they drive.")
@json_option
def list_(as_json: bool) -> None:
    """List."""
    with opened(notes_optional=True) as garden:
        machine = garden.machine.refresh().result()
    _show(machine, as_json)


_ADD_HELP = """Give the engine a GPU without a compiler.

WHAT is vulkan (every vendor), cuda (NVIDIA), or a file: a ggml backend with its libggml-base beside it, or a .tar.gz
that holds both. A prebuilt one is fetched by hash with npm. It is tried in a process of its own, and stays off when it
does not answer as the CPU does."""


@engine.command(help=_ADD_HELP, short_help="Add vulkan, cuda, or a backend file.")
@click.argument("what")
@json_option
def add(what: str, as_json: bool) -> None:
    """Add."""
    with opened() as garden:
        handle = garden.backends.add(what) if _is_known(what) else garden.backends.add_file(_path(what))
        record = wait(handle, garden, as_json=False, what=f"Adding {what}")
        machine = garden.machine.read()
    if as_json:
        print_json(engine_document(machine))
        return
    click.echo(_added(record))


@engine.command(help="Switch a backend off and delete it.")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Remove."""
    with opened() as garden:
        machine = garden.backends.remove(name).result()
    if as_json:
        print_json(engine_document(machine))
    else:
        click.echo(printable(f"Removed {name}. The engine is as it was without it."))


def _is_known(what: str) -> bool:
    return what.lower() in {package.name for package in PACKAGES}


def _path(what: str) -> Path:
    path = Path(what)
    if not path.is_file() and path.name == what and "." not in what:
        names = ", ".join(dict.fromkeys(package.name for package in PACKAGES))
        raise NotFoundError(f"There is no prebuilt backend “{what}”.", f"Choose one of {names}, or name a file.")
    return path


def _added(record: AddedBackend) -> str:
    test = record.self_test
    text = "the CPU's text" if test.same_text else f"the CPU's text but for near ties ({test.largest_gap:.2f})"
    held = f"{format_bytes(test.device_bytes)} on the device, {format_duration(test.seconds)}"
    return "\n".join(
        (
            f"{record.backend} is switched on: {', '.join(test.devices)}.",
            f"  Tried with {test.model}: {text} over {test.tokens} tokens, {held}.",
            f"  Switch it off with: garden engine remove {record.name}",
        )
    )


def _show(machine: HardwareSnapshot, as_json: bool) -> None:
    found = machine.engine
    if as_json:
        print_json(engine_document(machine))
        return
    if not found.installed:
        raise EngineMissingError(
            found.problem or "The engine cannot be loaded.", "Run: python packaging/bootstrap.py setup"
        )
    click.echo(f"llama-cpp-python {found.version}, ggml {found.ggml_version or 'of unknown version'}")
    for backend in found.backends:
        added = ", added" if backend.added else ""
        click.echo(
            printable(f"  {backend.name}{added}: {backend.problem or ', '.join(backend.devices) or 'no device'}")
        )
    for gpu in machine.gpus:
        idle = idle_gpu(gpu, found)
        if idle is not None:
            helps = f"Run: {idle.command}" if idle.command else idle.action
            click.echo(printable(f"  {gpu.name} lies idle. {idle.reason} {helps}".rstrip()))


def engine_document(machine: HardwareSnapshot) -> dict[str, object]:
    """The engine as JSON."""
    return {
        "version": machine.engine.version,
        "ggml_version": machine.engine.ggml_version,
        "backends": [_backend_document(backend) for backend in machine.engine.backends],
    }


def _backend_document(backend: EngineBackend) -> dict[str, object]:
    return {
        "name": backend.name,
        "path": backend.path,
        "devices": list(backend.devices),
        "self_test": _test_document(backend, backend.self_test) if backend.self_test else None,
    }


def _test_document(backend: EngineBackend, test: SelfTest) -> dict[str, object]:
    return {
        "passed": backend.problem is None,
        "problem": backend.problem,
        "model": test.model,
        "devices": list(test.devices),
        "tokens": test.tokens,
        "same_text": test.same_text,
        "largest_gap": test.largest_gap,
        "device_bytes": test.device_bytes,
        "seconds": test.seconds,
        "tested_at": test.tested_at,
    }
