"""Forecasts that rest on the engine's own plan of a load, made from the header alone."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Collection, Sequence

from garden.core.dry_run import Allowance, DryRun, DryRunDone, ImaginedGpu, Plan
from garden.core.errors import EngineCrashedError, OutOfMemoryError
from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.held_memory import RAM
from garden.core.run_configuration import LoadParameters
from garden.fit import estimator
from garden.fit.architectures import runs_another_way
from garden.fit.devices import Budget, Budgets, budgets_of
from garden.fit.model_shape import lacks_recurrence
from garden.fit.needs import placed_weights
from garden.fit.placement import Placed, Share
from garden.fit.remedies import cache_remedy, context_remedy, sentence_of
from garden.fit.verdict import reason_of, verdict_of
from garden.fit.vocabulary import vocabulary_bytes
from garden.gguf.header import GgufHeader
from garden.services.dry_runs import DryRuns

#: The engine's tables for a longer context take minutes to fill, and no model was trained for one.
_LONGEST_CONTEXT = 2**24

_MAPPED_NOTE = " Weights mapped from the file: an estimate."


class ExactFit:
    """Asks the engine, beginning where the formula says.

    Args:
        runs: The child that plans.
    """

    def __init__(self, runs: DryRuns) -> None:
        self._runs = runs

    def forecast(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot,
        *,
        as_is: Collection[str] = (),
        cancelled: threading.Event | None = None,
    ) -> FitForecast:
        """Forecast a load.

        Args:
            header: Of the file itself, or of all its shards joined.
            load: How it would be loaded. AUTO_GPU_LAYERS is resolved to the largest number that fits.
            machine: Where. GPUs that the engine here does not drive are imagined.
            as_is: Kinds of memory (``ram``, ``gpu``) that may be taken to the last byte.
            cancelled: Set by whoever wants no answer any more.

        Raises:
            GardenError: The engine could not be asked: it is missing, took too long or lacked memory, or the header
                is not the file's own.
            CancelledByUser: Cancelled.
        """
        formula = estimator.forecast(header, load, machine, as_is=as_is)
        answer = self.ask(header, load, machine, formula, as_is=as_is, cancelled=cancelled)
        if isinstance(answer, FitForecast):
            return answer
        return judged(formula, answer, load, budgets_of(machine, vocabulary_bytes(header), as_is=as_is))

    def ask(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot,
        formula: FitForecast,
        *,
        as_is: Collection[str] = (),
        cancelled: threading.Event | None = None,
    ) -> DryRunDone | FitForecast:
        """Ask without judging: the plan, or the forecast of a model that the engine does not run.

        Args:
            header: See ``forecast``.
            load: See ``forecast``.
            machine: See ``forecast``.
            formula: What the formula says: where to begin.
            as_is: See ``forecast``.
            cancelled: See ``forecast``.

        Raises:
            GardenError: See ``forecast``.
            CancelledByUser: Cancelled.
        """
        told = formula.verdict is Verdict.NOT_A_LANGUAGE_MODEL or runs_another_way(header.architecture)
        # A plan computes no token, at which the engine would end.
        if told or lacks_recurrence(header):
            return dataclasses.replace(formula, method=FitMethod.EXACT)
        budgets = budgets_of(machine, vocabulary_bytes(header), as_is=as_is)
        weights = placed_weights(header, load.tensor_placement)
        request = DryRun(
            request_id=0,
            path="",
            load=load,
            gpus=_gpus(budgets.gpus, machine, as_is),
            allowances=_allowances(budgets),
            guessed_layers=formula.n_gpu_layers,
            guessed_context=formula.max_context,
            unmoved_bytes=weights.unmoved_bytes,
            lightest_bytes=min(weights.blocks, default=0),
            context_limit=min(header.context_length or estimator.UNKNOWN_TRAINED, _LONGEST_CONTEXT),
        )
        try:
            answer = self._runs.ask(header, request, cancelled)
        except EngineCrashedError as error:
            return _refused(header, load, error.sentence, error.action)
        if not isinstance(answer, DryRunDone):
            if answer.out_of_memory:
                raise OutOfMemoryError(answer.sentence, answer.action, answer.detail)
            return _refused(header, load, answer.sentence, answer.action)
        if not answer.plan.generates_text:
            return dataclasses.replace(
                _refused(header, load, "This model does not generate text.", "Choose a language model."),
                verdict=Verdict.NOT_A_LANGUAGE_MODEL,
            )
        return answer


def _gpus(gpus: Sequence[Budget], machine: HardwareSnapshot, as_is: Collection[str]) -> tuple[ImaginedGpu, ...] | None:
    """The GPUs to imagine, None when the engine's own are meant."""
    driven = {device.name for device in machine.engine.devices}
    if gpus and all(gpu.device in driven for gpu in gpus):
        return None
    if not gpus and "gpu" not in as_is:
        return None
    return tuple(ImaginedGpu(name=gpu.device, memory_bytes=max(0, gpu.available_bytes)) for gpu in gpus)


def _allowances(budgets: Budgets) -> tuple[Allowance, ...]:
    return (
        Allowance(device=RAM, bytes=budgets.ram.usable_bytes),
        *(Allowance(device=gpu.device, bytes=gpu.usable_bytes, shared=gpu.shared) for gpu in budgets.gpus),
    )


def judged(formula: FitForecast, answer: DryRunDone, load: LoadParameters, budgets: Budgets) -> FitForecast:
    """The forecast that a plan amounts to.

    Args:
        formula: For what the engine does not say: the architecture, speeds, a suggestion.
        answer: The plan.
        load: What it is a plan of.
        budgets: What the machine offers now.
    """
    placed = _placed(answer.plan, budgets)
    verdict = verdict_of(placed)
    uses = answer.plan.buffers
    mapped = load.load_mode == "mmap"
    return dataclasses.replace(
        formula,
        verdict=verdict,
        placement=placed.kind if verdict is not Verdict.TOO_LARGE else Placement.NONE,
        reason=reason_of(placed, verdict) + (_MAPPED_NOTE if mapped else ""),
        suggestion=_suggestion(formula, placed, answer, load),
        # With the file mapped the engine holds other buffers than a plan, which maps nothing, can tell.
        method=FitMethod.FORMULA if mapped else FitMethod.EXACT,
        weights_bytes=sum(use.weights_bytes for use in uses),
        kv_cache_bytes=sum(use.kv_cache_bytes for use in uses),
        recurrent_bytes=sum(use.recurrent_bytes for use in uses),
        compute_bytes=sum(use.compute_bytes for use in uses),
        total_bytes=sum(use.total_bytes for use in uses),
        devices=tuple(share.as_memory() for share in (*placed.gpus, placed.ram)),
        n_gpu_layers=placed.layers,
        n_layers=placed.of_layers,
        max_context=answer.largest_context,
        context_length=load.context_length,
    )


def _placed(plan: Plan, budgets: Budgets) -> Placed:
    """The plan beside what each device offers; a GPU that shares the RAM takes from it."""
    gpus = tuple(_share(plan, budget, budget.device) for budget in budgets.gpus)
    shared = sum(share.required_bytes for share in gpus if share.budget.shared)
    left = max(0, budgets.ram.available_bytes - shared)
    ram = _share(plan, dataclasses.replace(budgets.ram, available_bytes=left), RAM)
    return Placed(layers=plan.n_gpu_layers, of_layers=plan.n_layers, gpus=gpus, ram=ram)


def _share(plan: Plan, budget: Budget, device: str) -> Share:
    uses = [use for use in plan.buffers if use.device == device]
    return Share(
        budget=budget,
        weights_bytes=sum(use.weights_bytes for use in uses),
        cache_bytes=sum(use.kv_cache_bytes + use.recurrent_bytes for use in uses),
        compute_bytes=sum(use.compute_bytes for use in uses),
    )


def _suggestion(formula: FitForecast, placed: Placed, answer: DryRunDone, load: LoadParameters) -> str:
    """What would make it fit: by the engine's own figures where it told them, else what the formula found."""
    if verdict_of(placed) is not Verdict.TOO_LARGE:
        return ""
    shares = (*placed.gpus, placed.ram)
    short_bytes = sum(max(0, -share.spare_bytes) for share in shares)
    cache_bytes = sum(use.kv_cache_bytes for use in answer.plan.buffers)
    found = [
        context_remedy(answer.largest_context or 0, load.context_length),
        cache_remedy(cache_bytes, short_bytes, load),
    ]
    known = [remedy for remedy in found if remedy]
    if known:
        return sentence_of(known)
    # The formula's context is not the engine's.
    if formula.verdict is Verdict.TOO_LARGE and "context of up to" not in formula.suggestion:
        return formula.suggestion
    return "Choose a smaller file."


def _refused(header: GgufHeader, load: LoadParameters, reason: str, suggestion: str) -> FitForecast:
    return FitForecast(
        verdict=Verdict.UNSUPPORTED,
        placement=Placement.NONE,
        reason=reason,
        suggestion=suggestion,
        method=FitMethod.EXACT,
        architecture=header.architecture,
        context_length=load.context_length,
    )
