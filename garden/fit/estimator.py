"""The closed form: what a model needs here, from its header alone, and the verdict on it. Pure and quick."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from garden.core.catalog import ModelSummary
from garden.core.fit_forecast import DeviceMemory, FitForecast, FitMethod, Placement, Verdict
from garden.core.hardware_snapshot import Gpu, HardwareSnapshot
from garden.core.quantity import GIB, MIB, format_bytes
from garden.core.run_configuration import LoadParameters
from garden.fit.architectures import LANGUAGE_MODELS, LANGUAGE_TASKS, OTHER_MODELS
from garden.fit.compute_buffer import compute_bytes
from garden.fit.kv_cache import cache_bytes_per_layer, cached_layers, state_bytes_per_layer
from garden.gguf.header import GgufHeader
from garden.gguf.quant_name import quant_type_named

#: Kept free of RAM: the process itself (41 MiB), a vocabulary (17–42 MiB), and room for the rest of the system.
RAM_MARGIN_BYTES = 512 * MIB

#: Kept free of a GPU: its context and what the desktop takes meanwhile. llama.cpp's own --fit keeps 1 GiB.
GPU_MARGIN_BYTES = 300 * MIB

#: For rough forecasts: cache and buffers of common models at 16k tokens, as a share of the weights and at least.
_ROUGH_OVERHEAD, _ROUGH_MINIMUM = 0.15, 300 * MIB


@dataclass(frozen=True, slots=True)
class _Needs:
    """Bytes by layer; index ``n_blocks`` is the output layer."""

    input_bytes: int
    layers: tuple[int, ...]
    caches: tuple[int, ...]
    states: tuple[int, ...]
    compute: int
    tied_bytes: int

    @property
    def weights(self) -> int:
        return self.input_bytes + sum(self.layers)

    @property
    def context(self) -> int:
        return sum(self.caches) + sum(self.states)


def forecast(header: GgufHeader, load: LoadParameters, machine: HardwareSnapshot) -> FitForecast:
    """Forecast a load.

    Args:
        header: Of the model.
        load: How it would be loaded; n_gpu_layers of 0 lets the forecast find the best number.
        machine: Where.

    Returns:
        A forecast by formula. Total within 0.5 % of the engine's buffers on the dense architectures measured.
    """
    refusal = _refusal(header)
    if refusal is not None:
        return refusal
    needs = _needs(header, load)
    n_layers = len(needs.layers)
    devices, on_gpu = _place(needs, load, machine)
    verdict, placement = _judge(devices, on_gpu, n_layers)
    largest = _largest_context(header, load, machine, needs)
    total = needs.weights + needs.context + needs.compute
    result = FitForecast(
        verdict=verdict,
        placement=placement,
        reason=_reason(verdict, placement, devices, on_gpu, n_layers, total),
        suggestion="",
        method=FitMethod.FORMULA,
        architecture=header.architecture,
        weights_bytes=needs.weights,
        kv_cache_bytes=sum(needs.caches),
        recurrent_bytes=sum(needs.states),
        compute_bytes=needs.compute,
        total_bytes=total,
        devices=devices,
        context_length=load.context_length,
        n_gpu_layers=on_gpu,
        n_layers=n_layers,
        max_context=largest,
    )
    return dataclasses.replace(result, suggestion=_suggestion(result, header, load, machine))


def rough_forecast(summary: ModelSummary, machine: HardwareSnapshot, context_length: int) -> FitForecast:
    """Forecast from the fields of the Hub's list alone, for the type that one would take.

    Args:
        summary: A row of the list.
        machine: Where it would run.
        context_length: Named in the forecast; the Hub's fields do not tell what it costs.
    """
    unknown = FitForecast(
        verdict=Verdict.UNKNOWN,
        placement=Placement.NONE,
        reason="The Hub does not say how large it is.",
        method=FitMethod.ROUGH,
        architecture=summary.architecture,
        context_length=context_length,
    )
    if (summary.pipeline_tag and summary.pipeline_tag not in LANGUAGE_TASKS) or summary.architecture in OTHER_MODELS:
        task = (summary.pipeline_tag or summary.architecture or "").replace("-", " ")
        return dataclasses.replace(unknown, verdict=Verdict.NOT_A_LANGUAGE_MODEL, reason=f"It is made for {task}.")
    if not summary.parameters:
        return unknown
    quant = quant_type_named("Q8_0" if summary.parameters < 1.5e9 else "Q4_K_M")
    assert quant is not None
    weights = round(summary.parameters * quant.bits_per_weight / 8)
    total = weights + max(round(weights * _ROUGH_OVERHEAD), _ROUGH_MINIMUM)
    gpu = sum(_available(g, machine) - GPU_MARGIN_BYTES for g in usable_gpus(machine))
    ram = machine.ram_available_bytes - RAM_MARGIN_BYTES
    placement = Placement.GPU if total <= gpu else Placement.SPLIT if gpu > 0 else Placement.CPU
    fits = total <= max(gpu, 0) + ram if not _unified(machine) else total <= max(gpu, ram)
    size = format_bytes(total)
    return dataclasses.replace(
        unknown,
        verdict=Verdict.FITS if fits else Verdict.TOO_LARGE,
        placement=placement if fits else Placement.NONE,
        reason=f"About {size} as {quant.name}." if fits else f"It needs about {size} even as {quant.name}.",
        weights_bytes=weights,
        total_bytes=total,
    )


def usable_gpus(machine: HardwareSnapshot) -> tuple[Gpu, ...]:
    """GPUs that the engine drives and that are awake."""
    return tuple(gpu for gpu in machine.gpus if gpu.device is not None and gpu.memory_total_bytes and not gpu.asleep)


def _available(gpu: Gpu, machine: HardwareSnapshot) -> int:
    free = gpu.memory_free_bytes if gpu.memory_free_bytes is not None else gpu.memory_total_bytes or 0
    return min(free, machine.ram_available_bytes) if gpu.unified else free


def _unified(machine: HardwareSnapshot) -> bool:
    return any(gpu.unified for gpu in usable_gpus(machine))


def _refusal(header: GgufHeader) -> FitForecast | None:
    architecture = header.architecture or ""
    base = FitForecast(
        verdict=Verdict.UNSUPPORTED,
        placement=Placement.NONE,
        reason="",
        method=FitMethod.FORMULA,
        architecture=header.architecture,
    )
    if architecture in OTHER_MODELS:
        return dataclasses.replace(
            base, verdict=Verdict.NOT_A_LANGUAGE_MODEL, reason=f"{architecture} models do not write text."
        )
    if architecture not in LANGUAGE_MODELS:
        return dataclasses.replace(base, reason=f"This engine does not know the architecture {architecture[:40]}.")
    if not header.tensors:
        return dataclasses.replace(base, verdict=Verdict.UNKNOWN, reason="The file holds a vocabulary and no weights.")
    return None


def _needs(header: GgufHeader, load: LoadParameters) -> _Needs:
    blocks = cached_layers(header)
    layers = [0] * (blocks + 1)
    input_bytes = 0
    embedding, has_output = 0, False
    for tensor in header.tensors:
        size = -(-tensor.size_bytes // 32) * 32
        kind, _, rest = tensor.name.partition(".")
        if kind == "blk":
            number = int(rest.partition(".")[0]) if rest.partition(".")[0].isdigit() else 0
            if number < blocks:
                layers[number] += size
        elif kind.startswith("output"):
            layers[blocks] += size
            has_output = has_output or tensor.name == "output.weight"
        else:
            input_bytes += size
            embedding = size if tensor.name == "token_embd.weight" else embedding
    return _Needs(
        input_bytes=input_bytes,
        layers=tuple(layers),
        caches=cache_bytes_per_layer(header, load),
        states=state_bytes_per_layer(header, load),
        compute=compute_bytes(header, load),
        tied_bytes=0 if has_output else embedding,
    )


def _place(needs: _Needs, load: LoadParameters, machine: HardwareSnapshot) -> tuple[tuple[DeviceMemory, ...], int]:
    """Share the layers out: the output layer moves to the GPU first, then the last blocks."""
    gpus = usable_gpus(machine)
    room = sum(max(0, _available(gpu, machine) - GPU_MARGIN_BYTES) for gpu in gpus)
    n_layers = len(needs.layers)
    wanted = min(load.n_gpu_layers, n_layers) if load.n_gpu_layers else n_layers
    count = 0
    if gpus:
        for candidate in range(wanted, 0, -1):
            if load.n_gpu_layers or _on_gpu(needs, candidate) <= room:
                count = candidate
                break
    weights = sum(needs.layers[n_layers - count :]) + (needs.tied_bytes if count else 0)
    context = sum(needs.caches[n_layers - count :]) + sum(needs.states[n_layers - count :])
    devices = []
    for gpu in gpus:
        share = max(0, _available(gpu, machine)) / max(1, sum(_available(g, machine) for g in gpus))
        devices.append(
            DeviceMemory(
                name=gpu.name,
                kind="gpu",
                total_bytes=gpu.memory_total_bytes or 0,
                available_bytes=_available(gpu, machine),
                margin_bytes=GPU_MARGIN_BYTES,
                weights_bytes=round(weights * share) if count else 0,
                kv_cache_bytes=round(context * share) if count else 0,
                compute_bytes=needs.compute if count else 0,
            )
        )
    devices.append(
        DeviceMemory(
            name="RAM",
            kind="ram",
            total_bytes=machine.ram_total_bytes,
            available_bytes=machine.ram_available_bytes,
            margin_bytes=RAM_MARGIN_BYTES,
            weights_bytes=needs.weights - sum(needs.layers[n_layers - count :]),
            kv_cache_bytes=needs.context - context,
            compute_bytes=0 if count == n_layers else needs.compute,
        )
    )
    return tuple(devices), count


def _on_gpu(needs: _Needs, count: int) -> int:
    first = len(needs.layers) - count
    held = sum(needs.layers[first:]) + sum(needs.caches[first:]) + sum(needs.states[first:])
    return held + needs.tied_bytes + needs.compute


def _judge(devices: tuple[DeviceMemory, ...], on_gpu: int, n_layers: int) -> tuple[Verdict, Placement]:
    if any(device.required_bytes > device.available_bytes for device in devices):
        return Verdict.TOO_LARGE, Placement.NONE
    placement = Placement.CPU if on_gpu == 0 else Placement.GPU if on_gpu >= n_layers else Placement.SPLIT
    close = any(
        device.required_bytes and device.required_bytes > device.available_bytes - device.margin_bytes
        for device in devices
    )
    return (Verdict.TIGHT if close else Verdict.FITS), placement


def _largest_context(header: GgufHeader, load: LoadParameters, machine: HardwareSnapshot, needs: _Needs) -> int:
    """Largest context that fits, in steps of 256, by bisection; 0 when none does."""
    highest = (header.context_length or 131_072) // 256
    lowest = 0
    while lowest < highest:
        middle = (lowest + highest + 1) // 2
        wanted = dataclasses.replace(load, context_length=max(256, middle * 256))
        at_context = dataclasses.replace(
            needs,
            caches=cache_bytes_per_layer(header, wanted),
            states=state_bytes_per_layer(header, wanted),
            compute=compute_bytes(header, wanted),
        )
        devices, count = _place(at_context, wanted, machine)
        if _judge(devices, count, 0)[0] is Verdict.TOO_LARGE:
            highest = middle - 1
        else:
            lowest = middle
    return lowest * 256


def _reason(
    verdict: Verdict,
    placement: Placement,
    devices: tuple[DeviceMemory, ...],
    on_gpu: int,
    n_layers: int,
    total: int,
) -> str:
    if verdict is Verdict.TOO_LARGE:
        free = sum(max(0, device.available_bytes) for device in devices)
        return f"It needs {format_bytes(total)} and {format_bytes(free)} are free."
    spare = min(device.available_bytes - device.required_bytes for device in devices if device.required_bytes)
    room = f"{spare / GIB:.1f} GiB" if spare >= GIB / 10 else format_bytes(spare)
    tight = f" only {room} to spare" if verdict is Verdict.TIGHT else f" {room} to spare"
    match placement:
        case Placement.GPU:
            return f"All {n_layers} layers fit on the GPU with{tight}."
        case Placement.SPLIT:
            return f"{on_gpu} of {n_layers} layers fit on the GPU, the rest runs on the CPU, with{tight}."
    return f"All {n_layers} layers run on the CPU with{tight}."


def _suggestion(result: FitForecast, header: GgufHeader, load: LoadParameters, machine: HardwareSnapshot) -> str:
    if result.verdict is not Verdict.TOO_LARGE:
        return ""
    if result.max_context and result.max_context < load.context_length:
        return f"It fits with a context of {result.max_context:,} tokens."
    if load.type_k != "q8_0":
        smaller = dataclasses.replace(load, type_k="q8_0", type_v="q8_0")
        devices, count = _place(_needs(header, smaller), smaller, machine)
        if _judge(devices, count, 0)[0] is not Verdict.TOO_LARGE:
            return "It fits with a q8_0 cache."
    return "Choose a smaller type, or a smaller model."
