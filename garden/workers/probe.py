"""Child that reads the engine and the GPUs, and ends, so that no driver stays open."""

from __future__ import annotations

import dataclasses

from garden.core.added_backend import added_backends
from garden.core.hardware_snapshot import Engine, EngineBackend
from garden.core.messages import Message, Probe, Probed, ProbeInput
from garden.engine.library import engine_facts
from garden.engine.unloaded import built_with_gpu_backends, engine_on_paper
from garden.hardware.gpu_memory import driver_free
from garden.hardware.graphics import any_asleep, read_gpus
from garden.process.worker_channel import WorkerChannel, serve_one

_UNASKED = "It was not asked, so that the GPU that sleeps stays asleep: wake the GPU to use it."


def main() -> int:
    """Entry point of the child."""
    return serve_one(ProbeInput, _probe)


def _probe(request: Message, _channel: WorkerChannel[Message]) -> Probed:
    request = request if isinstance(request, Probe) else Probe()
    # Before anything is loaded: a backend that lists its devices wakes them, and puts its own context there.
    free = driver_free()
    if not request.wake and any_asleep():
        engine, asked = _without_waking(request)
    else:
        engine, asked = engine_facts(added=request.added), True
    gpus = tuple(
        dataclasses.replace(gpu, memory_free_bytes=free[gpu.address])
        if gpu.address in free and gpu.memory_free_bytes is not None and not gpu.unified
        else gpu
        for gpu in read_gpus(engine.devices, request.known, asked=asked)
    )
    return Probed(gpus=gpus, engine=engine)


def _without_waking(request: Probe) -> tuple[Engine, bool]:
    """The engine, and whether it was asked just now."""
    known = request.engine
    if known is not None and (known.drives_gpus or any(backend.added for backend in known.backends)):
        return known, False
    if built_with_gpu_backends():
        return known or engine_on_paper(), False
    left_out = tuple(EngineBackend.left_out(record, _UNASKED) for record in added_backends()) if request.added else ()
    engine = engine_facts(added=False)
    return dataclasses.replace(engine, backends=(*engine.backends, *left_out)), True
