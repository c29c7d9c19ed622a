"""Messages to and from the child that lets the engine plan loads without making them."""

from __future__ import annotations

import msgspec

from garden.core.messages import Cancel, Failed, Message
from garden.core.run_configuration import LoadParameters


class ImaginedGpu(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU that need not be there.

    Attributes:
        name: As placements and plans name it, e.g. ``GPU0``.
        memory_bytes: All of it is free.
    """

    name: str
    memory_bytes: int


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan may take of one device.

    Attributes:
        device: ``RAM``, or the engine's name of a GPU.
        bytes: At most so much, the margin already taken off.
        shared: Of a GPU: what it takes is taken from the RAM as well.
    """

    device: str
    bytes: int
    shared: bool = False


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What one buffer type will hold.

    Attributes:
        buffer: The engine's name of the buffer type, as ``BufferUse`` has it.
        device: ``RAM``, or the engine's name of the GPU.
        weights_bytes: Weights.
        kv_cache_bytes: Cache of attention layers.
        recurrent_bytes: State of recurrent layers.
        compute_bytes: Compute buffers.
    """

    buffer: str
    device: str
    weights_bytes: int
    kv_cache_bytes: int
    recurrent_bytes: int
    compute_bytes: int

    @property
    def total_bytes(self) -> int:
        """Sum of the four."""
        return self.weights_bytes + self.kv_cache_bytes + self.recurrent_bytes + self.compute_bytes


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A load as the engine would make it.

    Attributes:
        buffers: Those that hold anything.
        context_length: Tokens of all sequences, after the engine rounded them.
        n_gpu_layers: Layers on GPUs; the output layer counts.
        n_layers: Layers there are, the output layer counted.
        flash_attention: Whether attention is fused.
        generates_text: Whether the model predicts the next token from the ones before.
    """

    buffers: tuple[Planned, ...]
    context_length: int
    n_gpu_layers: int
    n_layers: int
    flash_attention: bool
    generates_text: bool

    def on(self, device: str) -> int:
        """Bytes on one device."""
        return sum(use.total_bytes for use in self.buffers if use.device == device)


class DryRun(Message, frozen=True, kw_only=True):
    """Plan a load of a hollow file.

    Attributes:
        request_id: Comes back in the answer.
        path: The hollow file.
        load: How; AUTO_GPU_LAYERS asks for the largest number of layers whose GPUs keep their allowance.
        gpus: GPUs to plan with in place of the engine's own; None takes those that the engine has.
        allowances: Of each device.
        guessed_layers: Where to begin with the search for layers, None without an idea.
        guessed_context: Where to begin with the search for the largest context, None without an idea.
        unmoved_bytes: Weights that stay in RAM when all layers are on GPUs, at most; None when nobody knows.
        lightest_bytes: Weights of the lightest layer below the output layer; 0 when nobody knows.
        context_limit: The largest context that keeps the allowances is searched up to here; 0 does not search.
    """

    request_id: int
    path: str
    load: LoadParameters
    gpus: tuple[ImaginedGpu, ...] | None = None
    allowances: tuple[Allowance, ...] = ()
    guessed_layers: int | None = None
    guessed_context: int | None = None
    unmoved_bytes: int | None = None
    lightest_bytes: int = 0
    context_limit: int = 0


class DryRunDone(Message, frozen=True, kw_only=True):
    """The plan.

    Attributes:
        request_id: Of the request.
        plan: At the context that was asked for.
        largest_context: None when it was not asked for, 0 when none keeps the allowances.
        plans: How many were made.
        seconds: How long it took in the child.
    """

    request_id: int
    plan: Plan
    largest_context: int | None
    plans: int
    seconds: float


class DryRunRefused(Message, frozen=True, kw_only=True):
    """The engine would not load it so; the child goes on.

    Attributes:
        request_id: Of the request.
        sentence: Why.
        action: What helps.
        detail: The engine's own words.
        out_of_memory: The child lacked memory to plan with; of the load itself nothing is known.
    """

    request_id: int
    sentence: str
    action: str = ""
    detail: str = ""
    out_of_memory: bool = False


DryRunInput = DryRun | Cancel
DryRunOutput = DryRunDone | DryRunRefused | Failed
