"""Which layers go where, and what each device then holds.

llama.cpp moves the output layer to the GPU first, then blocks from the last to the first (``llama-model.cpp``); the
embedding stays in RAM, and a tied one is copied. Several GPUs share the layers by their free memory.

Checked against plans of the engine on one and two imagined GPUs, which equal those on Vulkan's software device: weights
and cache equal to the byte everywhere; compute within 0.03 MiB where all is offloaded. In a split the GPU computes
prompt batches of the layers in RAM as well, and the formula knows its buffer only between two bounds. Not in it: what a
driver takes for itself, which the margin covers.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from garden.core.fit_forecast import DeviceMemory, Placement
from garden.core.quantity import MIB
from garden.core.run_configuration import LoadParameters
from garden.fit.devices import Budget
from garden.fit.needs import ContextNeeds, Needs

#: ``GGML_SCHED_MAX_COPIES``.
_PIPELINE_DEPTH = 4

#: Batches of fewer rows are computed where their weights are (``GGML_OP_OFFLOAD_MIN_BATCH``'s default).
_ROWS_WORTH_COPYING = 32

#: The formula's own error against the engine's plans: whichever of the two is larger.
_ERROR_SHARE, _ERROR_BYTES = 0.005, 2 * MIB

#: In a split, prompts borrow the matrices in RAM one by one; what of two lies in the buffer at once varies.
_BORROWED_AT_MOST = 1.25


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
    def spare_bytes(self) -> int:
        """What is left above the margin; negative when it does not fit."""
        return self.budget.usable_bytes - self.required_bytes

    def as_memory(self) -> DeviceMemory:
        """The form that front ends read."""
        return DeviceMemory(
            name=self.budget.name,
            kind=self.budget.kind,
            total_bytes=self.budget.total_bytes,
            available_bytes=self.budget.available_bytes,
            margin_bytes=self.budget.margin_bytes,
            weights_bytes=self.weights_bytes,
            kv_cache_bytes=self.cache_bytes,
            compute_bytes=self.compute_bytes,
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
        """Whether every device keeps its margin."""
        return self.ram.spare_bytes >= 0 and self.gpus_fit

    @property
    def gpus_fit(self) -> bool:
        """Whether every GPU keeps its margin."""
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
        self._copied_in_ram = needs.weights.copies_tied_in_ram(cpu_features, repack=needs.load.repack)
        self._placed = dict(needs.weights.placed)

    def place(
        self,
        load: LoadParameters,
        context_length: int,
        layers: int | None = None,
        leaning: Leaning = Leaning.LIKELY,
    ) -> Placed:
        """Place so many layers on the GPUs; as many as fit when None."""
        at = self._needs.at(context_length)
        if not self._gpus:
            return self._with(load, at, 0, leaning)
        if layers is not None:
            return self._with(load, at, min(max(layers, 0), self._needs.layers), leaning)
        everything = self._with(load, at, self._needs.layers, leaning)
        if everything.gpus_fit:
            return everything
        # More layers need more memory, so the largest number that fits is found by halving.
        low, high = 0, self._needs.layers - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._with(load, at, middle, leaning).gpus_fit:
                low = middle
            else:
                high = middle - 1
        return self._with(load, at, low, leaning)

    def _with(self, load: LoadParameters, at: ContextNeeds, layers: int, leaning: Leaning) -> Placed:
        needs, weights = self._needs, self._needs.weights
        total = needs.layers
        gpus: list[Share] = []
        for index, (budget, (first, last)) in enumerate(zip(self._gpus, self._ranges(layers), strict=True)):
            gpus.append(
                Share(
                    budget=budget,
                    weights_bytes=_between(needs.top_weights, total, first, last)
                    + (weights.tied_bytes if last == total and last > first else 0),
                    cache_bytes=_between(at.caches, total, first, last) + _between(at.states, total, first, last),
                    compute_bytes=self._gpu_compute(at, index, last - first, layers, leaning),
                )
            )
        in_ram = total - layers if self._gpus else total
        kept = _between(needs.top_weights, total, 0, in_ram)
        copied = self._copied_in_ram if in_ram == total else weights.tied_twice
        ram = Share(
            budget=self._ram,
            weights_bytes=weights.input_bytes + kept + (weights.tied_bytes if copied and in_ram == total else 0),
            cache_bytes=_between(at.caches, total, 0, in_ram) + _between(at.states, total, 0, in_ram),
            compute_bytes=self._ram_compute(at, in_ram, leaning),
        )
        placed = self._adjusted(Placed(layers=layers if self._gpus else 0, of_layers=total, gpus=tuple(gpus), ram=ram))
        return placed if leaning is Leaning.LIKELY else _leant(placed, leaning)

    def _ranges(self, layers: int) -> list[tuple[int, int]]:
        """First and last layer (exclusive) of each GPU: shared out by what each has free, as the engine does."""
        total = self._needs.layers
        start = total - layers
        if len(self._gpus) == 1:
            return [(start, total)]
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

    @property
    def _in_flight(self) -> int:
        """Micro-batches under way at once: with everything on several GPUs the engine keeps them all busy."""
        return _PIPELINE_DEPTH if len(self._gpus) > 1 else 1

    @property
    def _borrows(self) -> bool:
        """Whether prompt batches are computed on the first GPU whatever lies in RAM."""
        load = self._needs.load
        return bool(self._gpus) and min(load.n_ubatch, load.n_batch) >= _ROWS_WORTH_COPYING

    def _ram_compute(self, at: ContextNeeds, in_ram: int, leaning: Leaning) -> int:
        few = at.looked_up + at.inputs * self._in_flight
        if in_ram <= 0:
            return few
        return few if self._borrows and leaning is not Leaning.MOST else at.compute

    def _gpu_compute(self, at: ContextNeeds, index: int, own_layers: int, layers: int, leaning: Leaning) -> int:
        needs = self._needs
        rows = max(1, needs.load.n_outputs_max)
        logits = 4 * rows * (needs.shape.vocabulary + needs.shape.width) if layers > 0 else 0
        everything = layers >= needs.layers
        borrows = self._borrows and index == 0 and not (everything and not self._placed.get("CPU"))
        if own_layers <= 0 and not borrows:
            return 0
        whole = max(at.compute - at.looked_up, logits)
        if borrows:
            match leaning:
                case Leaning.LEAST:
                    return whole
                case Leaning.LIKELY:
                    borrowed = needs.largest_matrix + (at.looked_up if needs.routed else 0)
                case _:
                    borrowed = round(_BORROWED_AT_MOST * needs.largest_matrix) + at.looked_up
            return max(logits, at.compute + borrowed)
        if everything and len(self._gpus) > 1:
            # Inputs of every micro-batch under way, and what the GPU before hands over.
            return whole + (self._in_flight - 1) * at.inputs + (1 if index == 0 else 5) * at.looked_up
        return whole

    def _adjusted(self, placed: Placed) -> Placed:
        """Add what a tensor placement moved, and take from the RAM what GPUs that share it hold."""
        gpus = list(placed.gpus)
        ram = placed.ram
        for device, size in self._placed.items():
            index = next((i for i, share in enumerate(gpus) if share.budget.device == device), None)
            if index is None or placed.layers == 0:
                ram = dataclasses.replace(ram, weights_bytes=ram.weights_bytes + size)
            else:
                gpus[index] = dataclasses.replace(gpus[index], weights_bytes=gpus[index].weights_bytes + size)
        shared = sum(share.required_bytes for share in gpus if share.budget.shared)
        if shared:
            left = max(0, ram.budget.available_bytes - shared)
            ram = dataclasses.replace(ram, budget=dataclasses.replace(ram.budget, available_bytes=left))
        return dataclasses.replace(placed, gpus=tuple(gpus), ram=ram)


def _between(top: Sequence[int], total: int, first: int, last: int) -> int:
    """Sum over the layers ``first`` … ``last`` − 1 from sums over the last n."""
    return top[total - first] - top[total - last]


def _leant(placed: Placed, leaning: Leaning) -> Placed:
    """The placement if the formula were as wrong as it ever was: too high by so much, or too low."""

    def leant(share: Share) -> Share:
        if not share.required_bytes:
            return share
        error = max(_ERROR_BYTES, round(_ERROR_SHARE * share.required_bytes))
        return dataclasses.replace(share, compute_bytes=max(0, share.compute_bytes + leaning * error))

    return dataclasses.replace(placed, gpus=tuple(map(leant, placed.gpus)), ram=leant(placed.ram))
