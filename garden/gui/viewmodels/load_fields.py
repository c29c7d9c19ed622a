"""What the advanced view of a load shows: names, bounds, values, and what each would be if it were left alone."""

from __future__ import annotations

from dataclasses import dataclass

from garden.core.expert_placement import blocks_on_cpu
from garden.core.run_configuration import AUTO_GPU_LAYERS
from garden.gui.viewmodels.run_settings import CACHE_TYPES
from garden.services.load_plan import LoadPlan

_SWITCH = ("off", "on")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadField:
    """One field of LoadChoice.

    Attributes:
        name: Of the field.
        title: Shown above it.
        hint: What it does, one sentence.
        options: Values to choose from; empty for a number.
        low: Least number.
        high: Greatest number.
        step: Of the arrow keys.
        of_one_model: It is a matter of one model, and means nothing for several.
    """

    name: str
    title: str
    hint: str
    options: tuple[str, ...] = ()
    low: int = 1
    high: int = 1
    step: int = 1
    of_one_model: bool = False


FIELDS: tuple[LoadField, ...] = (
    LoadField(
        name="n_gpu_layers",
        title="GPU layers",
        hint="Layers on the GPU, the output layer first; found, it is as many as fit.",
        low=0,
        high=10_000,
        of_one_model=True,
    ),
    LoadField(
        name="cpu_experts",
        title="Experts in RAM",
        hint="Blocks whose routed experts stay in RAM: few are read for a token, and the GPU has room for more layers.",
        low=0,
        high=10_000,
        of_one_model=True,
    ),
    LoadField(name="type_k", title="K cache", hint="q8_0 takes half the memory of f16.", options=CACHE_TYPES),
    LoadField(
        name="type_v",
        title="V cache",
        hint="q8_0 takes half the memory of f16; a quantized V needs flash attention.",
        options=CACHE_TYPES,
    ),
    LoadField(
        name="flash_attention",
        title="Flash attention",
        hint="One pass over the cache with a small buffer; auto lets the engine choose.",
        options=("auto", "on", "off"),
    ),
    LoadField(name="n_sequences", title="Sequences", hint="Conversations at once; they share the context.", high=64),
    LoadField(name="n_batch", title="Batch", hint="Tokens of a prompt per call.", low=32, high=16_384, step=256),
    LoadField(
        name="n_ubatch",
        title="Micro-batch",
        hint="Tokens computed at once: more read prompts faster, with larger compute buffers.",
        low=32,
        high=16_384,
        step=256,
    ),
    LoadField(name="threads", title="Threads", hint="For writing an answer.", high=512),
    LoadField(name="threads_batch", title="Threads for prompts", hint="For reading a prompt.", high=512),
    LoadField(
        name="load_mode",
        title="Weights",
        hint="Read into memory, or mapped from the file: then the system may drop them, and figures are estimates.",
        options=("none", "mmap"),
    ),
    LoadField(
        name="repack",
        title="Repacking",
        hint="Weights in RAM are rearranged for this processor: faster, not available to mapped ones.",
        options=_SWITCH,
    ),
    LoadField(
        name="swa_full",
        title="Full window cache",
        hint="Caches of sliding windows as long as the context, so that earlier text can be reused.",
        options=_SWITCH,
    ),
    LoadField(
        name="kv_unified", title="One cache", hint="One cache for all sequences instead of one each.", options=_SWITCH
    ),
)

_WORDS = {"none": "read", "mmap": "mapped"}


def word(option: str) -> str:
    """How an option is shown."""
    return _WORDS.get(option, option)


def applies(field: LoadField, plan: LoadPlan) -> bool:
    """Whether a field means anything for this model on this machine."""
    if field.name == "n_gpu_layers":
        return plan.has_gpu
    if field.name == "cpu_experts":
        return plan.has_gpu and plan.has_experts
    return True


def bounds(field: LoadField, plan: LoadPlan) -> tuple[int, int]:
    """Least and greatest number for this model."""
    if field.name == "n_gpu_layers":
        return 0, plan.forecast.n_layers or plan.blocks + 1
    if field.name == "cpu_experts":
        return 0, plan.blocks
    return field.low, field.high


def value(field: LoadField, plan: LoadPlan) -> int | str:
    """What would be loaded."""
    if field.name == "cpu_experts":
        return blocks_on_cpu(plan.load.tensor_placement, plan.blocks) or 0
    return _shown(getattr(plan.load, field.name))


def usual(field: LoadField, plan: LoadPlan) -> int | str:
    """What it would be if it were left alone."""
    if field.name == "cpu_experts":
        return 0
    if field.name == "n_gpu_layers" and plan.usual.n_gpu_layers == AUTO_GPU_LAYERS:
        return plan.found_layers or 0
    return _shown(getattr(plan.usual, field.name))


def note(field: LoadField, plan: LoadPlan) -> str:
    """``found 29 of 37`` for layers, ``usually 512`` for what was chosen otherwise; empty else."""
    if field.name == "n_gpu_layers":
        return f"found {usual(field, plan)} of {bounds(field, plan)[1]}"
    if field.name == "cpu_experts":
        return f"of {plan.blocks}"
    left = usual(field, plan)
    return f"usually {word(str(left))}" if left != value(field, plan) else ""


def choice_of(field: LoadField, shown: int | str, plan: LoadPlan) -> object:
    """What a value that the user set is in LoadChoice: what would be there anyway is left open."""
    if shown == usual(field, plan):
        return None
    return shown == "on" if field.options == _SWITCH else shown


def _shown(value: object) -> int | str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, int) else str(value)
