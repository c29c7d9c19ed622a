"""Which layers go where, and what each device then holds.

llama.cpp moves the output layer to the GPU first, then blocks from the last to the first (``llama-model.cpp``); the
embedding stays in RAM, and a tied one is copied. Several GPUs share the layers by their free memory.

Checked against plans of the engine on one and two imagined GPUs, which equal those on Vulkan's software device: weights
and cache equal to the byte everywhere; compute within 0.03 MiB where all is offloaded. In a split the GPU computes
prompt batches of the layers in RAM as well, and the formula knows its buffer only between two bounds: those of 42
published models held at 8,192 to 131,072 tokens, with caches in f16 and in q8_0. Not in it: what a driver takes for
itself, which counts beside the buffers.
"""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from garden.core.fit_forecast import DeviceMemory, Placement
from garden.fit.devices import Budget
from garden.fit.known_error import error_bytes
from garden.fit.needs import ContextNeeds, Needs
from garden.fit.plan_search import largest

#: ``GGML_SCHED_MAX_COPIES``.
_PIPELINE_DEPTH = 4

#: Batches of fewer rows are computed where their weights are (``GGML_OP_OFFLOAD_MIN_BATCH``'s default).
_ROWS_WORTH_COPYING = 32

#: In a split, prompts borrow the matrices and caches in RAM one by one; what of two lies in the buffer at once varies.
_BORROWED_AT_MOST = 1.25

#: Where caches are the largest of what is borrowed, holes stay that the next one does not fit into. So many times K and
#: V of a layer lie there where all layers' caches are of one size, where they alternate with windows, and at most.
_CACHES_ALIKE, _CACHES_ALTERNATING, _CACHES_AT_MOST = 1.5, 1.0, 2.0


#: Bytes of weights, cache and compute on one device.
Sizes = tuple[int, int, int]


class Leaning(IntEnum):
    """Which end of the formula's error a placement is made with."""

    LEAST = -1
    LIKELY = 0
    MOST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one device holds, beside what it offers."""

    budget: Budget
    weights_bytes: int = 0
    cache_bytes: int = 0
    compute_bytes: int = 0

    @property
    def required_bytes(self) -> int:
        """Sum of weights, cache and compute."""
        return self.weights_bytes + self.cache_bytes + self.compute_bytes

    @property
    def need_bytes(self) -> int:
        """The same with what lies beside them."""
        return self.required_bytes + self.budget.beside_bytes

    @property
    def spare_bytes(self) -> int:
        """What is left of it; negative when it does not fit."""
        return self.budget.usable_bytes - self.required_bytes

    def as_memory(self) -> DeviceMemory:
        """The form that front ends read."""
        return DeviceMemory(
            name=self.budget.name,
            kind=self.budget.kind,
            total_bytes=self.budget.total_bytes,
            available_bytes=self.budget.available_bytes,
            margin_bytes=self.budget.margin_bytes,
            held_bytes=self.budget.held_bytes,
            freed_bytes=self.budget.freed_bytes,
            weights_bytes=self.weights_bytes,
            kv_cache_bytes=self.cache_bytes,
            compute_bytes=self.compute_bytes,
            beside_bytes=self.budget.beside_bytes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A placement.

    Attributes:
        layers: Layers on GPUs.
        of_layers: Layers there are.
        gpus: What each GPU holds.
        ram: What the RAM holds; its available bytes are what GPUs that share it leave.
    """

    layers: int
    of_layers: int
    gpus: tuple[Share, ...]
    ram: Share

    @property
    def kind(self) -> Placement:
        """Where it runs."""
        if self.layers <= 0 or not self.gpus:
            return Placement.CPU
        return Placement.GPU if self.layers >= self.of_layers else Placement.SPLIT

    @property
    def fits(self) -> bool:
        """Whether every device has what it needs."""
        return self.ram.spare_bytes >= 0 and self.gpus_fit

    @property
    def gpus_fit(self) -> bool:
        """Whether every GPU has what it needs."""
        return all(share.spare_bytes >= 0 for share in self.gpus if share.required_bytes)

    @property
    def binding(self) -> tuple[Share, ...]:
        """The devices whose spare memory says how comfortable it is: of a split only the RAM, GPUs are filled."""
        used = tuple(share for share in self.gpus if share.required_bytes)
        if self.kind is Placement.GPU:
            return (*used, self.ram)
        return (self.ram,)


class Placer:
    """Places one model on one machine.

    Args:
        needs: Of the model.
        ram: Budget of the RAM.
        gpus: Budgets of the GPUs, none for the processor alone.
        cpu_features: Instruction sets; they decide whether a tied embedding is copied.
    """

    def __init__(self, needs: Needs, ram: Budget, gpus: Sequence[Budget], cpu_features: Iterable[str]) -> None:
        self._needs = needs
        self._ram = ram
        self._gpus = tuple(gpus)
        self._usable = [budget.usable_bytes for budget in self._gpus]
        self._shares_ram = [index for index, budget in enumerate(self._gpus) if budget.shared]
        self._copied_in_ram = needs.weights.copies_tied_in_ram(cpu_features, repack=needs.load.repack)
        placed = dict(needs.weights.placed)
        self._placed_in_ram = bool(placed.get("CPU"))
        self._placed_on = [placed.pop(budget.device, 0) for budget in self._gpus]
        self._placed_elsewhere = sum(placed.values())
        self._found: int | None = None
        self._split: dict[int, list[tuple[int, int]]] = {}
        # Micro-batches under way at once: with everything on several GPUs the engine keeps them all busy.
        self._in_flight = _PIPELINE_DEPTH if len(self._gpus) > 1 else 1
        # Whether prompt batches are computed on the first GPU whatever lies in RAM.
        load = needs.load
        self._borrows = bool(self._gpus) and min(load.n_ubatch, load.n_batch) >= _ROWS_WORTH_COPYING

    def place(self, context_length: int, layers: int | None = None, leaning: Leaning = Leaning.LIKELY) -> Placed:
        """Place so many layers on the GPUs; as many as fit when None."""
        at = self._needs.at(context_length)
        layers = self._layers(at, layers, leaning)
        sizes = self._on_gpus(at, layers, leaning)
        gpus = tuple(
            Share(budget=budget, weights_bytes=weights, cache_bytes=cache, compute_bytes=compute)
            for budget, (weights, cache, compute) in zip(self._gpus, sizes, strict=True)
        )
        weights, cache, compute = self._in_ram(at, layers, leaning)
        budget = self._ram
        if shared := sum(sum(sizes[index]) for index in self._shares_ram):
            # What GPUs that share it hold is taken from the RAM.
            budget = dataclasses.replace(budget, available_bytes=max(0, budget.available_bytes - shared))
        ram = Share(budget=budget, weights_bytes=weights, cache_bytes=cache, compute_bytes=compute)
        return Placed(layers=layers, of_layers=self._needs.layers, gpus=gpus, ram=ram)

    @property
    def hopeless(self) -> bool:
        """Whether the weights alone are more than everything offers."""
        stays = self._needs.weights.input_bytes + self._placed_elsewhere
        weights = stays + self._needs.top_weights[-1] + sum(self._placed_on)
        own = sum(max(0, budget.usable_bytes) for budget in self._gpus if not budget.shared)
        return stays > self._ram.usable_bytes or weights > own + self._ram.usable_bytes

    def spare(self, context_length: int, layers: int | None = None) -> int:
        """What is left in RAM if ``place`` filled the GPUs; negative when any device lacks memory."""
        at = self._needs.at(context_length)
        layers = self._layers(at, layers, Leaning.LIKELY)
        sizes = self._on_gpus(at, layers, Leaning.LIKELY)
        shared = sum(sum(sizes[index]) for index in self._shares_ram)
        available = max(0, self._ram.available_bytes - shared) if shared else self._ram.available_bytes
        left = available - self._ram.beside_bytes - sum(self._in_ram(at, layers, Leaning.LIKELY))
        short = [usable - sum(size) for usable, size in zip(self._usable, sizes, strict=True) if any(size)]
        return min([left, *(lack for lack in short if lack < 0)])

    def _layers(self, at: ContextNeeds, wanted: int | None, leaning: Leaning) -> int:
        """Layers on GPUs: those wanted, or as many as fit."""
        everything = self._needs.layers
        if not self._gpus:
            return 0
        if wanted is not None:
            return min(max(wanted, 0), everything)
        if self._gpus_fit(at, everything, leaning):
            return everything
        taken: dict[int, int] = {}

        def fits(layers: int) -> bool:
            sizes = self._on_gpus(at, layers, leaning)
            taken[layers] = sum(map(sum, sizes))
            return self._keep(sizes)

        def estimate(layers: int) -> int:
            # Most layers are alike.
            room = sum(self._usable) - taken[layers]
            other = next((other for other in reversed(taken) if other != layers), None)
            if other is None:
                held = at.held(everything - layers, everything) + self._needs.top_weights[layers]
                each = held / layers if layers else 0.0
            else:
                each = (taken[layers] - taken[other]) / (layers - other)
            return layers + math.floor(room / each) if each > 0 else layers + 1

        # More layers need more memory. Of one context and the next the numbers are close.
        found = largest(fits, 0, everything - 1, self._found, estimate)
        self._found = found
        return found

    def _gpus_fit(self, at: ContextNeeds, layers: int, leaning: Leaning) -> bool:
        return self._keep(self._on_gpus(at, layers, leaning))

    def _keep(self, sizes: Sequence[Sizes]) -> bool:
        """Whether every GPU keeps its margin."""
        return all(sum(size) <= usable or not any(size) for usable, size in zip(self._usable, sizes, strict=True))

    def _on_gpus(self, at: ContextNeeds, layers: int, leaning: Leaning) -> list[Sizes]:
        """Weights, cache and compute on each GPU."""
        weights, total = self._needs.weights, self._needs.layers
        if self._leaves_gpus_alone(layers):
            return [(0, 0, 0)] * len(self._gpus)
        sizes = []
        for index, (first, last) in enumerate(self._ranges(layers)):
            held = _between(self._needs.top_weights, total, first, last)
            if last == total and last > first:
                held += weights.tied_bytes
            if layers > 0:
                held += self._placed_on[index]
            compute = self._gpu_compute(at, index, last - first, layers, leaning)
            sizes.append(self._leant(held, at.held(first, last), compute, leaning))
        return sizes

    def _in_ram(self, at: ContextNeeds, layers: int, leaning: Leaning) -> Sizes:
        """Weights, cache and compute in RAM."""
        weights, total = self._needs.weights, self._needs.layers
        in_ram = total - layers
        held = weights.input_bytes + _between(self._needs.top_weights, total, 0, in_ram) + self._placed_elsewhere
        if self._copied_in_ram and in_ram == total:
            held += weights.tied_bytes
        if layers == 0:
            held += sum(self._placed_on)
        return self._leant(held, at.held(0, in_ram), self._ram_compute(at, in_ram, leaning), leaning)

    def _leant(self, weights: int, cache: int, compute: int, leaning: Leaning) -> Sizes:
        """What a device holds if the formula were as wrong as it ever was: too high by so much, or too low."""
        required = weights + cache + compute
        if leaning is Leaning.LIKELY or not required:
            return weights, cache, compute
        error = error_bytes(self._needs.shape.architecture, required, compute)
        return weights, cache, max(0, compute + leaning * error)

    def _ranges(self, layers: int) -> list[tuple[int, int]]:
        """First and last layer (exclusive) of each GPU: shared out by what each has free, as the engine does."""
        total = self._needs.layers
        start = total - layers
        if len(self._gpus) <= 1:
            return [(start, total)] * len(self._gpus)
        if layers not in self._split:
            self._split[layers] = self._shared_out(start, layers)
        return self._split[layers]

    def _shared_out(self, start: int, layers: int) -> list[tuple[int, int]]:
        total = self._needs.layers
        free = [max(0, budget.available_bytes) for budget in self._gpus]
        whole = sum(free) or 1
        ends, seen = [], 0
        for size in free:
            seen += size
            ends.append(seen / whole)
        owners = [min(bisect_right(ends, (i - start) / layers), len(free) - 1) for i in range(start, total)]
        ranges, position = [], start
        for index in range(len(free)):
            count = owners.count(index)
            ranges.append((position, position + count))
            position += count
        return ranges

    def _leaves_gpus_alone(self, layers: int) -> bool:
        """Whether GPUs hold nothing: without a layer or a tensor on one, prompts are computed in RAM as well."""
        return layers <= 0 and not self._needs.load.names_gpu

    def _ram_compute(self, at: ContextNeeds, in_ram: int, leaning: Leaning) -> int:
        few = at.looked_up + at.inputs * self._in_flight
        if in_ram <= 0:
            return few
        borrows = self._borrows and not self._leaves_gpus_alone(self._needs.layers - in_ram)
        return few if borrows and leaning is not Leaning.MOST else at.compute

    def _gpu_compute(self, at: ContextNeeds, index: int, own_layers: int, layers: int, leaning: Leaning) -> int:
        needs = self._needs
        rows = max(1, needs.load.n_outputs_max)
        logits = 4 * rows * (needs.shape.vocabulary + needs.shape.width) if layers > 0 else 0
        everything = layers >= needs.layers
        borrows = self._borrows and index == 0 and not (everything and not self._placed_in_ram)
        if own_layers <= 0 and not borrows:
            return 0
        whole = max(at.compute - at.looked_up, logits)
        if borrows:
            # Caches lie with their layers, wherever matrices were placed.
            cache = 0 if everything else at.largest_cache
            match leaning:
                case Leaning.LEAST:
                    return whole
                case Leaning.LIKELY:
                    borrowed = needs.largest_matrix + (at.looked_up if needs.routed else 0)
                    cache = round(cache * (_CACHES_ALTERNATING if needs.shape.slides else _CACHES_ALIKE))
                    attending = at.inputs + 2 * at.looked_up + cache
                case _:
                    borrowed = round(_BORROWED_AT_MOST * (needs.largest_matrix + cache)) + at.looked_up
                    attending = at.inputs + 4 * at.looked_up + round(_CACHES_AT_MOST * cache)
            return max(logits, at.compute + borrowed, attending if cache else 0)
        if everything and len(self._gpus) > 1:
            # Inputs of every micro-batch under way, and what the GPU before hands over.
            return whole + (self._in_flight - 1) * at.inputs + (1 if index == 0 else 5) * at.looked_up
        return whole


def _between(top: Sequence[int], total: int, first: int, last: int) -> int:
    """Sum over the layers ``first`` … ``last`` − 1 from sums over the last n."""
    return top[total - first] - top[total - last]
