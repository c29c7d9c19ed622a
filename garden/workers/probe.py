"""Child that reads the engine and the GPUs, and ends, so that no driver stays open."""

from __future__ import annotations

from garden.core.messages import Message, Probe, Probed, ProbeInput
from garden.engine.library import engine_facts
from garden.hardware.graphics import read_gpus
from garden.process.worker_channel import WorkerChannel, serve_one


def main() -> int:
    """Entry point of the child."""
    return serve_one(ProbeInput, _probe)


def _probe(request: Message, _channel: WorkerChannel[Message]) -> Probed:
    request = request if isinstance(request, Probe) else Probe()
    engine = engine_facts(added=request.added)
    return Probed(gpus=read_gpus(engine.devices, request.known), engine=engine)
