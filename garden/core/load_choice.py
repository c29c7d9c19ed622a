"""What a user chose about how a model is loaded; what was not chosen is found, or is this machine's own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from garden.core.expert_placement import blocks_on_cpu, experts_on_cpu
from garden.core.run_configuration import AUTO_GPU_LAYERS, FlashAttention, LoadMode, LoadParameters

#: The engine pads contexts to it, and no shorter one is offered.
SHORTEST_CONTEXT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadChoice:
    """Choices that hold for any model; None leaves a matter open.

    Attributes:
        context_length: Tokens; at most what the model was trained for.
        type_k: Type of the K cache.
        type_v: Type of the V cache.
        n_gpu_layers: Layers on the GPU; as many as fit when open.
        cpu_experts: Blocks whose routed experts stay in RAM, from the first on.
        flash_attention: ``on``, ``off`` or ``auto``.
        n_batch: Tokens per decode call.
        n_ubatch: Tokens per compute batch; never more than ``n_batch``, which grows with it when open.
        n_sequences: Parallel sequences; as many rows of logits are reserved.
        load_mode: ``none`` reads the file into memory, ``mmap`` maps it.
        repack: Let the CPU backend rearrange weights.
        swa_full: Keep full-size caches for sliding windows.
        kv_unified: One cache for all sequences.
        threads: For decoding one token.
        threads_batch: For prompt batches.
    """

    context_length: int | None = None
    type_k: str | None = None
    type_v: str | None = None
    n_gpu_layers: int | None = None
    cpu_experts: int | None = None
    flash_attention: FlashAttention | None = None
    n_batch: int | None = None
    n_ubatch: int | None = None
    n_sequences: int | None = None
    load_mode: LoadMode | None = None
    repack: bool | None = None
    swa_full: bool | None = None
    kv_unified: bool | None = None
    threads: int | None = None
    threads_batch: int | None = None

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of what was chosen."""
        return tuple(field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None)

    @property
    def anywhere(self) -> LoadChoice:
        """What holds on any machine: without what was chosen for the processor and the GPU of one."""
        return self.with_values(n_gpu_layers=None, cpu_experts=None, threads=None, threads_batch=None)

    def with_values(self, **values: Any) -> LoadChoice:
        """A copy with other choices; None leaves one open again."""
        return dataclasses.replace(self, **values)

    def applied(self, usual: LoadParameters, *, blocks: int = 0, trained_context: int | None = None) -> LoadParameters:
        """How a model is loaded with these choices.

        Args:
            usual: How this machine would load it by itself.
            blocks: Of the model; without them no expert is moved.
            trained_context: What the model was trained for, None when unknown.
        """
        changes: dict[str, Any] = {
            name: getattr(self, name) for name in self.chosen if name not in ("context_length", "cpu_experts")
        }
        if self.context_length is not None:
            most = trained_context or self.context_length
            changes["context_length"] = max(SHORTEST_CONTEXT, min(self.context_length, most))
        if self.n_gpu_layers is not None and blocks > 0:
            # All of them and the output: the choice may have been made for a model with more.
            changes["n_gpu_layers"] = min(self.n_gpu_layers, blocks + 1)
        if self.cpu_experts is not None and blocks > 0:
            changes["tensor_placement"] = experts_on_cpu(self.cpu_experts, blocks)
        # The engine would cut a compute batch to the decode call by itself; here it is said.
        batch = self.n_batch or max(usual.n_batch, self.n_ubatch or 0)
        changes["n_batch"], changes["n_ubatch"] = batch, min(self.n_ubatch or usual.n_ubatch, batch)
        if self.n_sequences is not None:
            changes["n_outputs_max"] = max(usual.n_outputs_max, self.n_sequences)
        return dataclasses.replace(usual, **changes)


def choice_behind(load: LoadParameters, usual: LoadParameters, *, blocks: int, found_layers: int | None) -> LoadChoice:
    """The choices that make one way of loading out of the usual one.

    Args:
        load: How a model is loaded; no layers left to be found.
        usual: How this machine would load it by itself.
        blocks: Of the model.
        found_layers: As many layers as fit on the GPU when loaded like this, None when unknown.
    """
    names = [field.name for field in dataclasses.fields(LoadChoice) if field.name != "cpu_experts"]
    values = {name: getattr(load, name) for name in names if getattr(load, name) != getattr(usual, name)}
    # The same number as would be found is no choice: another context may leave room for more, or for fewer.
    if load.n_gpu_layers == (found_layers if usual.n_gpu_layers == AUTO_GPU_LAYERS else usual.n_gpu_layers):
        values.pop("n_gpu_layers", None)
    if load.tensor_placement != usual.tensor_placement:
        values["cpu_experts"] = blocks_on_cpu(load.tensor_placement, blocks)
    return LoadChoice(**values)
