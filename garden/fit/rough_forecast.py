"""The forecast for a row of a list, from the Hub's fields alone: good enough to sort and to filter by."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from garden.core.catalog import ModelSummary
from garden.core.fit_forecast import DeviceMemory, FitForecast, FitMethod, Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.model_traits import ArchitectureKind
from garden.core.quantity import format_parameters, format_tokens
from garden.core.run_configuration import LoadParameters
from garden.fit.architectures import GENERATING, Obstacle, obstacle_of, obstacle_of_task
from garden.fit.devices import Budget, gpu_budgets, ram_budget
from garden.fit.family_kind import kind_of
from garden.fit.known_shapes import file_parts
from garden.fit.other_libraries import obstacle_of_library
from garden.fit.verdict import amount
from garden.fit.vocabulary import bpe_bytes
from garden.gguf.quant_name import QuantType, quant_type_named, quant_type_of

#: Types tried from the best to the smallest that still answers well; small models gain from Q8_0. Of the types that a
#: repository's file names tell, those in the same range are tried.
_LADDER = ("Q6_K", "Q5_K_M", "Q4_K_M")
_LADDER_SMALL = ("Q8_0", *_LADDER)
_SMALL_PARAMETERS = 3_000_000_000

#: Types of a few hundredths of a bit less are as good.
_ALIKE_BITS = 0.5

#: On the processor every byte costs speed: the default type, or Q8_0 where that is quick anyway.
_CPU_TYPE, _CPU_TYPE_SMALL, _TINY_PARAMETERS = "Q4_K_M", "Q8_0", 1_500_000_000

#: In names of files that are no models.
_BESIDE_MODELS = ("mmproj", "imatrix", "lora", "control-vector", "control_vector")

#: Where the usual type does not fit: smaller types, then less context, are still an answer to whether it runs.
_SMALLER_TYPES = ("Q3_K_M", "Q2_K")
_SMALLER_CONTEXTS = (8_192, 4_096)

#: Tokens of a vocabulary, for the memory that no buffer shows.
_VOCABULARY = 128_000


def rough_forecast(
    summary: ModelSummary, machine: HardwareSnapshot, context_length: int, kv_type: str = "f16"
) -> FitForecast:
    """Forecast the file that this machine would take of a model.

    Args:
        summary: A row of the Hub's list.
        machine: Where it would run.
        context_length: Tokens; capped by what the model was trained for.
        kv_type: Of both caches.
    """
    if summary.context_length:
        context_length = min(context_length, summary.context_length)
    obstacle = _obstacle(summary)
    if obstacle is not None:
        return _without_figures(summary, context_length, obstacle)
    parameters = summary.parameters
    if not parameters or parameters < 0:
        unknown = Obstacle(
            verdict=Verdict.UNKNOWN,
            reason="The Hub does not say how large this model is.",
            suggestion="Open it to see its files.",
        )
        return _without_figures(summary, context_length, unknown)
    gpus, ram = gpu_budgets(machine), ram_budget(machine, bpe_bytes(_VOCABULARY, _VOCABULARY))
    return _placed(
        summary, parameters, LoadParameters(context_length=context_length, type_k=kv_type, type_v=kv_type), gpus, ram
    )


def _obstacle(summary: ModelSummary) -> Obstacle | None:
    architecture = summary.architecture
    told = obstacle_of_task(summary.pipeline_tag) or obstacle_of_library(
        summary.library_name, () if summary.pipeline_tag else summary.tags, architecture
    )
    if told is not None:
        return told
    if _says_nothing(summary):
        return Obstacle(
            verdict=Verdict.UNKNOWN,
            reason="The Hub does not say what this model does.",
            suggestion="Its card may say it.",
        )
    if architecture is None or architecture in GENERATING:
        return None
    found = obstacle_of(architecture)
    # Other frameworks name architectures in their own way: only a GGUF file's word counts against it.
    if found is not None and (summary.has_gguf or found.verdict is Verdict.NOT_A_LANGUAGE_MODEL):
        return found
    return None


def _says_nothing(summary: ModelSummary) -> bool:
    """Whether neither files, task, library nor tags say that a model writes text."""
    if summary.has_gguf or summary.pipeline_tag or summary.architecture or not summary.filenames:
        return False
    if any(name.lower().endswith(".gguf") for name in summary.filenames):
        return False
    if kind_of(None, summary.name, summary.tags) is not None:
        return False
    return not {"text-generation", "text-generation-inference", "conversational", "mlx", "vllm"}.intersection(
        (summary.library_name or "", *summary.tags)
    )


def _without_figures(summary: ModelSummary, context_length: int, obstacle: Obstacle) -> FitForecast:
    return FitForecast(
        verdict=obstacle.verdict,
        placement=Placement.NONE,
        reason=obstacle.reason,
        suggestion=obstacle.suggestion,
        method=FitMethod.ROUGH,
        architecture=summary.architecture,
        context_length=context_length,
    )


def _placed(
    summary: ModelSummary, parameters: int, load: LoadParameters, gpus: Sequence[Budget], ram: Budget
) -> FitForecast:
    kind = kind_of(summary.architecture, summary.name, summary.tags)
    routed = kind is ArchitectureKind.MOE
    model = _Model(parameters, summary.architecture, offered_types(summary.filenames), routed, load)
    context_length = load.context_length
    guess = _best_on_gpu(model, context_length, gpus, ram) or _best_elsewhere(model, context_length, gpus, ram)
    weights, cache, compute = guess.parts
    seen = _seen_type(summary, guess.quant_type)
    reason = guess.reason
    if seen is None:
        reason = reason.replace(f"{guess.quant_type} needs", f"a file of type {guess.quant_type} would need", 1)
    suggestion = ""
    if guess.verdict is Verdict.TOO_LARGE:
        # Smaller files and shorter contexts were tried.
        suggestion = f"Look for a model of fewer parameters than {format_parameters(parameters)}."
    return FitForecast(
        verdict=guess.verdict,
        placement=guess.placement,
        reason=reason,
        suggestion=suggestion,
        method=FitMethod.ROUGH,
        architecture=summary.architecture,
        weights_bytes=weights,
        kv_cache_bytes=cache,
        compute_bytes=compute,
        total_bytes=weights + cache + compute,
        devices=_devices(gpus, ram, guess.placement, guess.parts),
        context_length=guess.context_length or context_length,
        quant_type=seen,
    )


def _seen_type(summary: ModelSummary, quant_type: str) -> str | None:
    """The type, unless there are models and none of their names tells it: then the figures stand for a guess."""
    names = [name.rpartition("/")[2].lower() for name in summary.filenames]
    named = any(name.endswith(".gguf") and not any(word in name for word in _BESIDE_MODELS) for name in names)
    return None if named and not offered_types(summary.filenames) else quant_type


@functools.lru_cache(maxsize=16_384)
def offered_types(filenames: tuple[str, ...]) -> tuple[QuantType, ...]:
    """Types of the GGUF models that the names tell, the largest first; none when they tell nothing."""
    found = set()
    for filename in filenames:
        name = filename.rpartition("/")[2].lower()
        if name.endswith(".gguf") and not any(word in name for word in _BESIDE_MODELS):
            found.add(quant_type_named(quant_type_of(filename) or ""))
    return tuple(sorted(filter(None, found), key=lambda quant: -quant.bits_per_weight))


def _ladder(offered: Sequence[QuantType], usual: Sequence[str]) -> list[str]:
    """The types to try, the best first: those offered within the range of the usual ones, else all that are."""
    if not offered:
        return list(usual)
    best, least = (quant.bits_per_weight for quant in map(quant_type_named, (usual[0], usual[-1])) if quant)
    within = [quant.name for quant in offered if least - _ALIKE_BITS <= quant.bits_per_weight <= best]
    return within or [quant.name for quant in offered]


def _room(gpus: Sequence[Budget], ram: Budget) -> int:
    """What RAM and GPUs with memory of their own have together for buffers."""
    return max(0, ram.usable_bytes) + sum(max(0, budget.usable_bytes) for budget in gpus if not budget.shared)


def _free(gpus: Sequence[Budget], ram: Budget) -> int:
    """What they have free."""
    return ram.available_bytes + sum(budget.available_bytes for budget in gpus if not budget.shared)


@dataclass(frozen=True, slots=True)
class _Model:
    """What a row tells of a model: weights, family, and the types of its files where names tell them."""

    parameters: int
    family: str | None
    offered: tuple[QuantType, ...]
    routed: bool
    load: LoadParameters

    def parts(self, quant_type: str, context_length: int) -> tuple[int, int, int]:
        """Weights, cache and compute buffer of a file of it."""
        load = dataclasses.replace(self.load, context_length=context_length)
        return file_parts(self.parameters, quant_type, load, self.family, routed=self.routed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guess:
    verdict: Verdict
    placement: Placement
    reason: str
    parts: tuple[int, int, int]
    quant_type: str
    context_length: int | None = None


def _best_on_gpu(model: _Model, context_length: int, gpus: Sequence[Budget], ram: Budget) -> _Guess | None:
    """The best type whose file lies on the GPU with comfort, else the smallest one if it lies there tightly."""
    room = sum(max(0, budget.usable_bytes) for budget in gpus)
    comfort = max((budget.margin_bytes for budget in gpus), default=0)
    ladder = _ladder(model.offered, _LADDER_SMALL if model.parameters < _SMALL_PARAMETERS else _LADDER)
    for quant_type in ladder:
        parts = model.parts(quant_type, context_length)
        spare = room - sum(parts)
        if spare >= comfort or (spare >= 0 and quant_type == ladder[-1]):
            return _Guess(
                verdict=Verdict.FITS if spare >= comfort else Verdict.TIGHT,
                placement=Placement.GPU,
                reason=f"{_needs(quant_type, parts, context_length, (*gpus[:1], ram))}, all on the GPU.",
                parts=parts,
                quant_type=quant_type,
            )
    return None


def _best_elsewhere(model: _Model, context_length: int, gpus: Sequence[Budget], ram: Budget) -> _Guess:
    """The usual type in RAM, beside what a GPU of its own memory takes; a smaller one, or less context, at need."""
    quant_type = _CPU_TYPE_SMALL if model.parameters < _TINY_PARAMETERS else _CPU_TYPE
    usual = quant_type_named(quant_type)
    if model.offered and usual is not None:
        quant_type = min(model.offered, key=lambda quant: abs(quant.bits_per_weight - usual.bits_per_weight)).name
    first = _elsewhere(model, quant_type, context_length, gpus, ram)
    if first.verdict is not Verdict.TOO_LARGE:
        return first
    taken = quant_type_named(quant_type)
    smaller = [offer.name for offer in model.offered if taken is None or offer.bits_per_weight < taken.bits_per_weight]
    shorter = [context for context in _SMALLER_CONTEXTS if context < context_length]
    types = (quant_type, *(smaller if model.offered else _SMALLER_TYPES))
    for context, candidate in itertools.product((context_length, *shorter), types):
        guess = _elsewhere(model, candidate, context, gpus, ram)
        if guess.verdict is not Verdict.TOO_LARGE:
            return dataclasses.replace(guess, verdict=Verdict.TIGHT, context_length=context)
    return first


def _elsewhere(model: _Model, quant_type: str, context_length: int, gpus: Sequence[Budget], ram: Budget) -> _Guess:
    parts = model.parts(quant_type, context_length)
    on_gpu = sum(max(0, budget.usable_bytes) for budget in gpus if not budget.shared)
    needs = _needs(quant_type, parts, context_length, (*gpus[:1], ram) if on_gpu else (ram,))
    room = _room(gpus, ram)
    spare = room - sum(parts)
    if spare < 0:
        return _Guess(
            verdict=Verdict.TOO_LARGE,
            placement=Placement.NONE,
            reason=f"{needs}; {amount(_free(gpus, ram))} are free.",
            parts=parts,
            quant_type=quant_type,
        )
    return _Guess(
        verdict=Verdict.TIGHT if spare < ram.margin_bytes else Verdict.FITS,
        placement=Placement.SPLIT if on_gpu else Placement.CPU,
        reason=f"{needs}, {amount(on_gpu)} of it on the GPU." if on_gpu else f"{needs} of RAM.",
        parts=parts,
        quant_type=quant_type,
    )


def _needs(quant_type: str, parts: tuple[int, int, int], context_length: int, used: Sequence[Budget]) -> str:
    need = sum(parts) + sum(budget.beside_bytes for budget in used)
    return f"With {format_tokens(context_length)} of context {quant_type} needs about {amount(need)}"


def _devices(
    gpus: Sequence[Budget], ram: Budget, placement: Placement, parts: tuple[int, int, int]
) -> tuple[DeviceMemory, ...]:
    """The figures on the first GPU and the RAM, in proportion to what each takes."""
    total = sum(parts)
    first = gpus[0] if gpus else None
    share = 0.0
    if first is not None and total:
        if placement is Placement.GPU:
            share = 1.0
        elif placement is Placement.SPLIT:
            share = min(1.0, max(0, first.usable_bytes) / total)
    found = []
    for budget, part in ((first, share), (ram, 1 - share)):
        if budget is not None:
            found.append(
                DeviceMemory(
                    name=budget.name,
                    kind=budget.kind,
                    total_bytes=budget.total_bytes,
                    available_bytes=budget.available_bytes,
                    margin_bytes=budget.margin_bytes,
                    held_bytes=budget.held_bytes,
                    freed_bytes=budget.freed_bytes,
                    beside_bytes=budget.beside_bytes,
                    weights_bytes=round(parts[0] * part),
                    kv_cache_bytes=round(parts[1] * part),
                    compute_bytes=round(parts[2] * part),
                )
            )
    return tuple(found)
