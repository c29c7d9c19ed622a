"""How a model is loaded on a machine unless the user chooses otherwise."""

from __future__ import annotations

from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.run_configuration import DEFAULT_CONTEXT_LENGTH, LoadParameters
from garden.gguf.header import GgufHeader


def default_load(header: GgufHeader, machine: HardwareSnapshot) -> LoadParameters:
    """Context min(trained, 16,384), one thread per physical core, everything else as LoadParameters says."""
    cores = max(1, machine.cpu.physical_cores)
    context = min(header.context_length or DEFAULT_CONTEXT_LENGTH, DEFAULT_CONTEXT_LENGTH)
    return LoadParameters(context_length=max(context, 1), threads=cores, threads_batch=cores)
