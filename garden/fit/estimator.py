"""The forecast from a header alone: what the engine will hold, where, and whether that fits. Pure and quick."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

from garden.core.fit_forecast import FitForecast, FitMethod, Placement, SpeedSource, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.run_configuration import AUTO_GPU_LAYERS, KV_TYPES, LoadParameters
from garden.fit.architectures import NO_RECURRENT_LAYER, Obstacle, obstacle_of
from garden.fit.compute_buffer import uses_flash
from garden.fit.devices import budgets_of, usable_gpus
from garden.fit.model_shape import ModelShape, lacks_recurrence
from garden.fit.needs import Needs
from garden.fit.placement import Leaning, Placed, Placer
from garden.fit.plan_search import largest
from garden.fit.remedies import Remedies
from garden.fit.rough_forecast import rough_forecast
from garden.fit.speed import MeasuredSpeed, decode_tokens_per_second
from garden.fit.verdict import reason_of, verdict_of
from garden.fit.vocabulary import vocabulary_bytes
from garden.gguf.header import GgufHeader
from garden.gguf.hollow_file import is_own

__all__ = ["MeasuredSpeed", "forecast", "rough_forecast", "usable_gpus"]

#: Contexts are sought in steps of the engine's padding.
_STEP = 256

#: Sought up to here when the file does not say what the model was trained for.
UNKNOWN_TRAINED = 131_072


def forecast(
    header: GgufHeader,
    load: LoadParameters,
    machine: HardwareSnapshot,
    *,
    speeds: MeasuredSpeed | None = None,
    as_is: Collection[str] = (),
) -> FitForecast:
    """Forecast a load.

    Against 8,080 plans of the pinned engine over 75 architectures: weights and cache equal to the byte; the sum of 42
    published models within 0.01 % with fused attention and 0.43 % without; that of slices of 60 architectures, a few
    blocks each, within 0.5 % or 2 MiB in all but one of 5,328, and 0.94 % off in that (DeepSeek 3.2 with a cache in
    f32). Where the error that is known of an architecture (``known_error``) decides between two verdicts, or between
    two placements, the verdict of a file's own header is *unknown*: the engine can be asked (services do).

    Args:
        header: Of the file, or of all shards joined.
        load: How it would be loaded. AUTO_GPU_LAYERS is resolved to the largest number that fits.
        machine: Where.
        speeds: What was measured here; without it speeds stay unknown.
        as_is: Kinds of memory (``ram``, ``gpu``) that may be taken to the last byte.
    """
    obstacle = obstacle_of(header.architecture, header.text("general.type")) or _without_model(header)
    if obstacle is not None:
        return _refused(header, load, obstacle)
    needs = Needs(header, load)
    # A shape from a catalogue has no file that the engine could refuse.
    obstacle = _cache_obstacle(needs.shape, load) if header.header_bytes else None
    if obstacle is not None:
        return _refused(header, load, obstacle)
    plan = _Plan(header, needs, machine, as_is)
    placed = plan.place(load.context_length)
    verdict, kind = _outcome(placed)
    if not plan.is_decided(placed):
        verdict = Verdict.UNKNOWN
    speed = decode_tokens_per_second(needs, placed, load.context_length, speeds) if placed.fits else None
    at = needs.at(load.context_length)
    shares = (*placed.gpus, placed.ram)
    return FitForecast(
        verdict=verdict,
        placement=kind,
        reason=reason_of(placed, verdict) + _mapped_note(load),
        suggestion=plan.suggestion(placed, verdict),
        # Without a file's list of tensors the weights are no more than as large as the file.
        method=FitMethod.FORMULA if header.header_bytes else FitMethod.ROUGH,
        architecture=header.architecture,
        weights_bytes=sum(share.weights_bytes for share in shares),
        kv_cache_bytes=at.cache_bytes,
        recurrent_bytes=at.state_bytes,
        compute_bytes=sum(share.compute_bytes for share in shares),
        total_bytes=sum(share.required_bytes for share in shares),
        devices=tuple(share.as_memory() for share in shares),
        context_length=load.context_length,
        n_gpu_layers=placed.layers,
        n_layers=placed.of_layers,
        max_context=plan.largest_context(),
        decode_tokens_per_second=speed,
        speed_source=SpeedSource.RUNS if speed is not None else SpeedSource.UNKNOWN,
        speed_runs=speeds.runs_behind(placed.kind) if speeds is not None and speed is not None else 0,
        speed_range=(speed * speeds.slowest, speed * speeds.fastest)
        if speeds is not None and speed is not None
        else None,
    )


class _Plan:
    """Tries contexts and cache types on one machine."""

    def __init__(
        self,
        header: GgufHeader,
        needs: Needs,
        machine: HardwareSnapshot,
        as_is: Collection[str],
    ) -> None:
        self._header = header
        self._needs = needs
        self._load = needs.load
        self._machine = machine
        self._as_is = as_is
        self._largest: int | None = None
        budgets = budgets_of(machine, vocabulary_bytes(header), as_is=as_is)
        layers = self._load.n_gpu_layers
        self._layers = None if layers == AUTO_GPU_LAYERS else layers
        self._placer = Placer(needs, budgets.ram, budgets.gpus, machine.cpu.features)

    def place(self, context_length: int, leaning: Leaning = Leaning.LIKELY) -> Placed:
        """Place the model with this context, on as many layers as were asked for."""
        return self._placer.place(context_length, self._layers, leaning)

    def is_decided(self, placed: Placed) -> bool:
        """Whether the verdict holds however wrong the formula is; for headers that the engine can be asked about."""
        if not is_own(self._header):
            return True
        said = _outcome(placed)
        return all(
            _outcome(self.place(self._load.context_length, leaning)) == said
            for leaning in (Leaning.MOST, Leaning.LEAST)
        )

    def largest_context(self) -> int:
        """Largest context that fits, up to what the model was trained for; 0 when none does."""
        if self._largest is None:
            self._largest = self._find_largest()
        return self._largest

    def _find_largest(self) -> int:
        trained = self._header.context_length or UNKNOWN_TRAINED
        high = max(1, min(trained, 2**31) // _STEP)
        if self._placer.hopeless:
            return 0
        spare: dict[int, int] = {}

        def fits(steps: int) -> bool:
            if steps not in spare:
                spare[steps] = self._placer.spare(steps * _STEP, self._layers)
            return spare[steps] >= 0

        def estimate(steps: int) -> int:
            # What is spare falls along a line, or nearly so.
            others = [other for other in spare if other != steps]
            if others:
                other = min(others, key=lambda other: abs(other - steps))
                fallen = (spare[other] - spare[steps]) / (steps - other)
            else:
                fallen = self._needs.growth(steps * _STEP) * _STEP
            return steps + math.floor(spare[steps] / fallen) if fallen > 0 else steps

        # Graphs of contexts below a micro-batch are each packed anew: only looked at when nothing else is left.
        batch = min(high, -(-self._load.n_ubatch // _STEP))
        # The context that is forecast was packed already.
        known = -(-self._load.context_length // _STEP)
        if not batch <= known < high:
            known = high
        known_fits = fits(known)
        guess = estimate(known)
        if known_fits:
            if self._machine.gpus and guess > high // 2:
                # Of a split the RAM alone tells little.
                guess = high
            steps = largest(fits, known, high, guess, estimate)
        elif guess > batch and fits(guess):
            steps = largest(fits, guess, known - 1, estimate(guess), estimate)
        elif fits(batch):
            steps = largest(fits, batch, (guess if guess > batch else known) - 1, estimate(batch), estimate)
        else:
            steps = largest(fits, 0, batch - 1, estimate=estimate)
        return min(steps * _STEP, max(trained, _STEP))

    def suggestion(self, placed: Placed, verdict: Verdict) -> str:
        """What would make it fit; empty when it does."""
        if verdict is Verdict.UNKNOWN:
            return "The engine can tell: ask for the exact forecast."
        if verdict is not Verdict.TOO_LARGE:
            return ""
        return Remedies(
            self._header,
            self._load,
            placed,
            place=lambda load: self._with(load).place(load.context_length),
            place_alone=self._place_alone,
            largest_context=lambda load: self._with(load).largest_context(),
        ).sentence()

    def _with(self, load: LoadParameters) -> _Plan:
        if load == self._load:
            return self
        return _Plan(self._header, Needs(self._header, load), self._machine, self._as_is)

    def _place_alone(self) -> Placed:
        # What the system itself holds stays: a tenth of the RAM, and two gigabytes at most.
        total = self._machine.ram_total_bytes
        free = dataclasses.replace(
            self._machine,
            ram_promised_bytes=0,
            ram_available_bytes=max(self._machine.ram_available_bytes, total - min(total // 10, 2 * 1024**3)),
            held=(),
            gpus=tuple(
                dataclasses.replace(gpu, memory_free_bytes=gpu.memory_total_bytes) for gpu in self._machine.gpus
            ),
        )
        return _Plan(self._header, self._needs, free, self._as_is).place(self._load.context_length)


def _outcome(placed: Placed) -> tuple[Verdict, Placement]:
    verdict = verdict_of(placed)
    return verdict, placed.kind if verdict is not Verdict.TOO_LARGE else Placement.NONE


def _refused(header: GgufHeader, load: LoadParameters, obstacle: Obstacle) -> FitForecast:
    return FitForecast(
        verdict=obstacle.verdict,
        placement=Placement.NONE,
        reason=obstacle.reason,
        suggestion=obstacle.suggestion,
        method=FitMethod.FORMULA,
        architecture=header.architecture,
        context_length=load.context_length,
    )


def _without_model(header: GgufHeader) -> Obstacle | None:
    if not header.tensors:
        return Obstacle(
            verdict=Verdict.UNSUPPORTED,
            reason="This file holds a vocabulary and no weights.",
            suggestion="Choose another file of this model.",
        )
    if not header.block_count or not header.integer("embedding_length"):
        return Obstacle(
            verdict=Verdict.UNKNOWN,
            reason="The file does not say how many blocks it has, or how wide they are.",
            suggestion="Fetch it again, or choose another file of this model.",
        )
    return NO_RECURRENT_LAYER if lacks_recurrence(header) else None


def _cache_obstacle(shape: ModelShape, load: LoadParameters) -> Obstacle | None:
    """What the engine refuses about the cache types (``llama_init_from_model``)."""
    quantized_k, quantized_v = KV_TYPES[load.type_k] < 2, KV_TYPES[load.type_v] < 2
    fused = load.flash_attention != "off"
    if quantized_v and not uses_flash(shape, load):
        remedy = "Keep V in f16." if fused else "Switch flash attention on, or keep V in f16."
        return _unsupported("A quantized V cache needs flash attention.", remedy)
    if shape.latent and load.type_k != load.type_v:
        return _unsupported("This model keeps K and V in one cache.", "Choose the same type for both.")
    heads = (shape.key_length if quantized_k else 0, shape.value_length if quantized_v else 0)
    odd = next((length for length in heads if length % 32), 0)
    if fused and odd and any(layer.k_width for layer in shape.layers):
        return _unsupported(f"Heads of {odd} values cannot be quantized in the cache.", "Keep the KV cache in f16.")
    return None


def _unsupported(reason: str, suggestion: str) -> Obstacle:
    return Obstacle(verdict=Verdict.UNSUPPORTED, reason=reason, suggestion=suggestion)


def _mapped_note(load: LoadParameters) -> str:
    return " Weights mapped from the file: an estimate." if load.load_mode == "mmap" else ""
