"""Routed experts that stay in RAM while the rest of a model is on the GPU: the tensor placement that says so."""

from __future__ import annotations

#: A regular expression over tensor names, and the name of a buffer type.
TensorPlacement = tuple[tuple[str, str], ...]

#: Routed experts as the engine's own tools name them (``llama.cpp``, ``common/common.h``).
_EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps"

#: All of them in RAM, as ``--cpu-moe`` places them.
EXPERTS_ON_CPU = (_EXPERTS, "CPU")


def experts_on_cpu(count: int, blocks: int) -> TensorPlacement:
    """Keep the routed experts of the first blocks in RAM, as ``--n-cpu-moe`` does.

    Args:
        count: Blocks, from the first on; 0 for none.
        blocks: Blocks there are; with that many the pattern names no block.
    """
    if count <= 0:
        return ()
    if count >= blocks:
        return (EXPERTS_ON_CPU,)
    return ((rf"blk\.({'|'.join(map(str, range(count)))}){_EXPERTS}", "CPU"),)


def blocks_on_cpu(placement: TensorPlacement, blocks: int) -> int | None:
    """The number that ``experts_on_cpu`` made a placement of, None for one that somebody wrote by hand."""
    return next((count for count in range(blocks + 1) if experts_on_cpu(count, blocks) == placement), None)
