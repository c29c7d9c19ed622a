"""``garden fit``."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from garden.cli.output import json_option, opened, print_json, print_table, verdict_word, wait
from garden.cli.run_options import context_note
from garden.cli.targets import usable_model
from garden.core.errors import NotFoundError, RefusedError
from garden.core.fit_forecast import FitForecast, Placement, SpeedSource, Verdict
from garden.core.hardware_snapshot import Gpu, HardwareSnapshot
from garden.core.imagined_machine import ImaginedMachine
from garden.core.model_ref import ModelRef
from garden.core.quantity import format_bytes, format_rate
from garden.core.run_configuration import AUTO_GPU_LAYERS, KV_TYPES, LoadParameters
from garden.fit.devices import process_bytes, usable_gpus
from garden.fit.kv_cache import padded
from garden.fit.projector import Projector, with_projector
from garden.fit.verdict import amount
from garden.gguf.header import GgufHeader
from garden.services.garden import Garden
from garden.services.hub_files import hub_ref
from garden.services.target import choose_file, parse_hub_target
from garden.services.what_if import RAM_BESIDE_BYTES

#: Where the context matters: the others do not come to be loaded at all.
_RUNNABLE = (Verdict.FITS, Verdict.TIGHT, Verdict.TOO_LARGE)
_UNITS = {"": 1, "B": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


class ByteSize(click.ParamType[int]):
    """Bytes, as a number or with a unit: ``17179869184``, ``16G``, ``16 GiB``."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        text = str(value).strip().upper().removesuffix("IB").removesuffix("B").strip()
        number, unit = (text[:-1], text[-1]) if text and text[-1] in "KMGT" else (text, "")
        try:
            size = float(number) * _UNITS[unit]
        except ValueError:
            self.fail(f"“{value}” is no size; write 16G or a number of bytes.", param, ctx)
        if not 0 <= size < 2**60:
            self.fail(f"“{value}” is no size that a machine has.", param, ctx)
        return round(size)


@click.command(help="Memory and verdict of TARGET, from its header alone: nothing is downloaded or loaded.")
@click.argument("target")
@click.option("--context", type=click.IntRange(1, 16_777_216), help="Tokens; the model's own or 16,384 by default.")
@click.option("--kv-type", type=click.Choice(list(KV_TYPES)), help="Type of the KV cache.")
@click.option("--kv-type-v", type=click.Choice(list(KV_TYPES)), help="Type of the V cache alone.")
@click.option("--gpu-layers", type=click.IntRange(0, 1000), help="Layers on the GPU; found by default.")
@click.option("--sequences", type=click.IntRange(1, 256), default=1, show_default=True)
@click.option("--ubatch", type=click.IntRange(1, 16_384), default=512, show_default=True)
@click.option("--flash-attention", type=click.Choice(("on", "off", "auto")), default="auto", show_default=True)
@click.option(
    "--method",
    type=click.Choice(("formula", "exact")),
    default="formula",
    show_default=True,
    help="Computed from the header, or asked of the engine, which plans the load without making it.",
)
@click.option("--ram", type=ByteSize(), help="Pretend that this much RAM is free; exact: all of it may be taken.")
@click.option("--vram", type=ByteSize(), help="Pretend a GPU with this much memory; exact: all of it may be taken.")
@click.option(
    "--machine", "machine_name", help="Another machine, by name; garden hardware --catalogue lists them. A card: --ram."
)
@click.option(
    "--measure",
    is_flag=True,
    help="Measure its speed first, on a copy with fewer layers and random weights: some seconds, nothing downloaded.",
)
@click.option(
    "--check", is_flag=True, help="Exit with 1 unless it fits; any verdict is an answer otherwise, and exits with 0."
)
@json_option
def fit(
    target: str,
    method: str,
    ram: int | None,
    vram: int | None,
    machine_name: str | None,
    measure: bool,
    check: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Forecast."""
    exact = method == "exact"
    if measure and any(option is not None for option in (ram, vram, machine_name)):
        raise click.UsageError("--measure measures this machine; leave --machine, --ram and --vram out.")
    if machine_name is not None and vram is not None:
        raise click.UsageError("A machine of the catalogue has its own GPU memory; leave --vram out.")
    with opened(notes_optional=True) as garden:
        other = None if machine_name is None else _other_machine(garden, machine_name, ram)
        here = garden.machine.read()
        machine = pretend(here, ram, vram) if other is None else garden.what_if.as_seen(other)
        header, ref, projector = header_of(garden, target, own=exact or measure)
        load = _asked_load(garden.fit.default_load(header, machine), **asked)
        elsewhere = None if machine is here else machine
        calibration = garden.calibration.current()
        if measure:
            wait(garden.twins.measure_header(header, ref, load), garden, as_json=False, what="Measuring its speed")
        if exact:
            as_is = {kind for kind, size in (("ram", ram), ("gpu", vram)) if size is not None and other is None}
            forecast = garden.fit.exact(header, load, elsewhere, as_is=as_is, ref=ref).result()
        else:
            forecast = garden.fit.decided(header, load, elsewhere, ref=ref)
        gpu_context = _gpu_context(garden, header, load, elsewhere, forecast)
    forecast = with_projector(forecast, projector)
    context = asked["context"]
    if context is not None and forecast.verdict in _RUNNABLE:
        note = context_note(context, padded(context), header.context_length)
        forecast = dataclasses.replace(forecast, reason=f"{forecast.reason} {note}".strip())
    if as_json:
        print_json(fit_document(target, forecast))
    else:
        if other is not None:
            click.echo(f"On {other.title}, {format_bytes(machine.ram_free_bytes)} of RAM free:")
        _print(target, forecast, header, load, gpu_context)
        if calibration is not None and calibration.disturbance and forecast.speed_source is SpeedSource.CALIBRATED:
            click.echo(f"When this machine was calibrated it was not quiet. {calibration.disturbance}")
        _print_notes(forecast, load, machine, given=exact and ram is not None)
    if check and forecast.verdict not in (Verdict.FITS, Verdict.TIGHT):
        raise RefusedError(f"{target}: {verdict_word(forecast)}.", forecast.suggestion)


def _gpu_context(
    garden: Garden, header: GgufHeader, load: LoadParameters, machine: HardwareSnapshot | None, forecast: FitForecast
) -> int | None:
    """Largest context with all layers on GPUs, None where a model has none there; by the formula."""
    if forecast.placement is not Placement.GPU or not forecast.n_layers:
        return None
    whole = dataclasses.replace(load, n_gpu_layers=forecast.n_layers)
    return garden.fit.forecast_header(header, whole, machine, ask_engine=False).max_context


def _print_notes(forecast: FitForecast, load: LoadParameters, machine: HardwareSnapshot, *, given: bool) -> None:
    """What to know of the figures: of a budget that was given to the buffers alone, and of layers that no GPU takes."""
    if given and forecast.verdict in _RUNNABLE:
        beside = amount(process_bytes(machine))
        click.echo(f"These are the engine's buffers to the byte; its process takes about {beside} of RAM beside them.")
    if load.n_gpu_layers > 0 and not usable_gpus(machine):
        click.echo("There is no GPU that the engine can use, so that --gpu-layers changes nothing.")


def _other_machine(garden: Garden, name: str, ram: int | None) -> ImaginedMachine:
    published = garden.what_if.named(name)
    if ram is not None and published.kind != "discrete":
        raise click.UsageError(f"{published.name} has its own RAM; --ram is for the machine around a card.")
    return published.imagined(ram or RAM_BESIDE_BYTES)


def _asked_load(
    load: LoadParameters,
    *,
    context: int | None,
    kv_type: str | None,
    kv_type_v: str | None,
    gpu_layers: int | None,
    sequences: int,
    ubatch: int,
    flash_attention: str,
) -> LoadParameters:
    """What this machine would do by itself, with what the user chose."""
    changes: dict[str, Any] = {
        "n_sequences": sequences,
        "n_outputs_max": sequences,
        "n_batch": max(ubatch, 512),
        "n_ubatch": ubatch,
        "flash_attention": flash_attention,
        "type_k": kv_type or load.type_k,
        "type_v": kv_type_v or kv_type or load.type_v,
        "context_length": context or load.context_length,
        # The machine may be a pretended one, so that the number of layers is found for it.
        "n_gpu_layers": AUTO_GPU_LAYERS if gpu_layers is None else gpu_layers,
    }
    return dataclasses.replace(load, **changes)


def _scope(load: LoadParameters) -> str:
    """What the figures are for: ``At 16,384 tokens``, of which sequences have a share each."""
    if load.n_sequences == 1:
        return f"At {load.context_length:,} tokens"
    each = load.context_length // load.n_sequences
    return f"At {load.context_length:,} tokens, {each:,} for each of {load.n_sequences} sequences"


def _context_text(forecast: FitForecast, trained: int | None, gpu_context: int | None) -> str:
    """How large a context may be; where layers would leave the GPU for it, from where on."""
    largest = forecast.max_context
    if not largest:
        return ""
    everything = trained is not None and largest >= trained
    if gpu_context and gpu_context < largest:
        end = f"all {trained:,} that the model was trained for fit" if everything else f"up to {largest:,} fit"
        return f"On the GPU alone up to {gpu_context:,} tokens; split between GPU and RAM {end}."
    if forecast.verdict is Verdict.UNKNOWN:
        return f"Largest context that may fit: {largest:,} tokens."
    if everything:
        return f"All {trained:,} tokens that the model was trained for fit."
    return f"Largest context that fits: {largest:,} tokens."


def _print(
    target: str, forecast: FitForecast, header: GgufHeader, load: LoadParameters, gpu_context: int | None
) -> None:
    click.echo(f"{target}: {verdict_word(forecast)}. {forecast.reason}")
    if forecast.suggestion:
        click.echo(forecast.suggestion)
    rows = [
        (device.name, *map(format_bytes, (device.required_bytes, device.need_bytes, device.available_bytes)))
        for device in forecast.devices
    ]
    if rows:
        print_table(("Device", "Buffers", "Need", "Free"), rows, right=(1, 2, 3))
    parts = {
        "weights": forecast.weights_bytes,
        "KV cache": forecast.kv_cache_bytes,
        "recurrent state": forecast.recurrent_bytes,
        "compute": forecast.compute_bytes,
        "beside them images or sound": forecast.projector_bytes,
    }
    known = ", ".join(f"{name} {format_bytes(size)}" for name, size in parts.items() if size)
    if known:
        click.echo(f"{_scope(load)}: {known}")
    room = _context_text(forecast, header.context_length, gpu_context)
    if room:
        click.echo(room)
    if forecast.decode_tokens_per_second is not None:
        about = "at most" if forecast.speed_source is SpeedSource.ELSEWHERE else "about"
        speed = format_rate(forecast.decode_tokens_per_second)
        click.echo(f"Answer: {about} {speed} tokens per second, {forecast.speed_basis}.")
    if forecast.prefill_tokens_per_second is not None:
        click.echo(f"Prompt: about {format_rate(forecast.prefill_tokens_per_second)} tokens per second.")


def pretend(machine: HardwareSnapshot, ram: int | None, vram: int | None) -> HardwareSnapshot:
    """The machine with another amount of memory."""
    if ram is not None:
        machine = dataclasses.replace(
            machine, ram_total_bytes=max(ram, 1), ram_available_bytes=ram, ram_promised_bytes=0
        )
    if vram is not None:
        gpus = (
            (Gpu(name="GPU", vendor="other", memory_total_bytes=vram, memory_free_bytes=vram, device="GPU0"),)
            if vram
            else ()
        )
        machine = dataclasses.replace(machine, gpus=gpus)
    return machine


def header_of(garden: Garden, target: str, *, own: bool = False) -> tuple[GgufHeader, ModelRef, Projector | None]:
    """Header of a TARGET, here or on the Hub; which file it is, one on the Hub without a path; what its images take.

    Args:
        garden: The program.
        target: As the user wrote it.
        own: Of the very file, where a sibling's would do for the formula.
    """
    try:
        entry = usable_model(garden, target)
    except NotFoundError:
        hub = parse_hub_target(target, garden.settings.endpoint)
        if hub is None:
            raise
        repository = garden.catalog.repository(hub.repo_id, hub.revision).result()
        file = choose_file(repository, hub)
        header = garden.fit.remote_header(repository, file, own=own).result()
        return header, hub_ref(repository, file), garden.fit.remote_projector(repository).result()
    return garden.fit.header(entry.ref), entry.ref, None


def fit_document(target: str, forecast: FitForecast) -> dict[str, object]:
    """The forecast as JSON."""
    return {
        "target": target,
        "architecture": forecast.architecture,
        "verdict": forecast.verdict.value,
        "placement": forecast.placement.value,
        "reason": forecast.reason,
        "method": forecast.method.value,
        "weights_bytes": forecast.weights_bytes,
        "kv_cache_bytes": forecast.kv_cache_bytes,
        "recurrent_bytes": forecast.recurrent_bytes,
        "compute_bytes": forecast.compute_bytes,
        "total_bytes": forecast.total_bytes,
        "devices": [
            {
                "name": device.name,
                "required_bytes": device.required_bytes,
                "available_bytes": device.available_bytes,
            }
            for device in forecast.devices
        ],
        "n_gpu_layers": forecast.n_gpu_layers,
        "max_context": forecast.max_context,
        # The bound that another machine's memory sets is no forecast.
        "decode_tokens_per_second": forecast.decode_tokens_per_second
        if forecast.speed_source is not SpeedSource.ELSEWHERE
        else None,
        "prefill_tokens_per_second": forecast.prefill_tokens_per_second,
    }
