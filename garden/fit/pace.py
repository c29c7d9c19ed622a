"""What of a load the speed of an answer, or of reading a prompt, hangs on."""

from __future__ import annotations

import dataclasses

from garden.core.run_configuration import LoadParameters


def pace_of(load: LoadParameters) -> LoadParameters:
    """A load without what the speed of an answer does not hang on, or is reckoned with: layers and context.

    A run says what the engine made of ``auto``; where attention can be fused, that is ``on``.
    """
    plain = LoadParameters()
    return dataclasses.replace(
        load,
        flash_attention="on" if load.flash_attention == "auto" else load.flash_attention,
        context_length=plain.context_length,
        n_gpu_layers=plain.n_gpu_layers,
        n_batch=plain.n_batch,
        n_ubatch=plain.n_ubatch,
        n_outputs_max=plain.n_outputs_max,
        threads_batch=plain.threads_batch,
    )


def same_pace(one: LoadParameters, other: LoadParameters) -> bool:
    """Whether answers and prompts are as fast with one load as with the other, layers on the GPU left aside."""
    return pace_of(one) == pace_of(other) and reads_alike(one, other)


def reads_alike(one: LoadParameters, other: LoadParameters) -> bool:
    """Whether prompts are computed in the same batches, by as many threads."""
    return (one.n_ubatch, one.threads_batch) == (other.n_ubatch, other.threads_batch)
