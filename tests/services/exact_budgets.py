"""Budgets and what the engine itself makes of them: every placement planned, the right answer read off."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from garden.core.dry_run import ImaginedGpu, Plan
from garden.core.fit_forecast import FitForecast, Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.held_memory import RAM
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters
from garden.engine.planner import Planner
from tests.fit.headers import GIB, MIB, gpu, machine

GPU = "CUDA0"

#: Budgets that people have.
LEAST, MOST = 4 * GIB, 48 * GIB


def machine_of(ram: int, vram: int | None) -> HardwareSnapshot:
    """A machine with these budgets, to the byte; None is no GPU."""
    gpus = [] if vram is None else [dataclasses.replace(gpu(1), memory_total_bytes=vram, memory_free_bytes=vram)]
    return dataclasses.replace(machine(0, *gpus), ram_total_bytes=max(ram, 1), ram_available_bytes=ram)


@dataclass(frozen=True)
class Answers:
    """What the engine plans for one load on so many layers, by their number; on the processor alone under None."""

    plans: Mapping[int | None, Plan]

    @property
    def layers(self) -> int:
        """Layers there are."""
        return next(iter(self.plans.values())).n_layers

    def best(self, vram: int | None) -> int | None:
        """The most layers whose GPU keeps its budget; none when no number does."""
        if vram is None:
            return None
        return max((n for n, plan in self.plans.items() if n is not None and plan.on(GPU) <= vram), default=0)

    def outcome(self, ram: int, vram: int | None) -> tuple[Verdict, Placement, int]:
        """Verdict, placement and layers on the GPU that are right for these budgets."""
        layers = self.best(vram)
        plan = self.plans[layers]
        if layers and not plan.flash_attention and plan.on(RAM) > ram >= self.plans[0].on(RAM):
            # Attention that is not fused in a split can take more RAM than all layers do.
            layers, plan = 0, self.plans[0]
        if plan.on(RAM) > ram or (vram is not None and plan.on(GPU) > vram):
            return Verdict.TOO_LARGE, Placement.NONE, layers or 0
        if not layers:
            return Verdict.FITS, Placement.CPU, 0
        return Verdict.FITS, Placement.GPU if layers == self.layers else Placement.SPLIT, layers

    def budgets(self, draw: random.Random, count: int) -> Iterator[tuple[int, int | None]]:
        """Budgets at random, and around the edges of placements drawn at random: a mebibyte and a byte to each side."""
        alone = self.plans[None].on(RAM)
        for spare in (MIB, 0, -1, -MIB):
            yield alone + spare, None
        for _ in range(count):
            yield draw.randrange(LEAST, MOST), draw.choice([None, draw.randrange(LEAST, MOST)])
            layers = draw.randint(0, self.layers)
            plan = self.plans[layers]
            room = draw.choice([MIB, 1, 0, -1, -MIB])
            vram = max(1, plan.on(GPU) + room)
            yield draw.choice([plan.on(RAM) + draw.choice([MIB, 0, -1, -MIB]), MOST]), vram
            fits = self.best(vram)
            yield self.plans[fits].on(RAM) + draw.choice([MIB, 0, -1, -MIB]), vram


def every_placement(planner: Planner, path: Path, load: LoadParameters) -> Answers:
    """All plans of a load at its context.

    Raises:
        EngineError: The engine does not load it so.
    """
    gpus = (ImaginedGpu(name=GPU, memory_bytes=MOST),)
    alone = planner.plan(path, dataclasses.replace(load, n_gpu_layers=0), ())
    plans: dict[int | None, Plan] = {None: alone}
    for layers in range(alone.n_layers + 1):
        plans[layers] = planner.plan(path, dataclasses.replace(load, n_gpu_layers=layers), gpus)
    return Answers(plans)


def sought(load: LoadParameters) -> LoadParameters:
    """The same load on as many layers as fit."""
    return dataclasses.replace(load, n_gpu_layers=AUTO_GPU_LAYERS)


def outcome_of(result: FitForecast) -> tuple[Verdict, Placement, int]:
    """The same of a forecast."""
    return result.verdict, result.placement, result.n_gpu_layers or 0
