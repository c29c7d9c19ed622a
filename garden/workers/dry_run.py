"""Child that lets the engine plan loads, request after request, until its input closes.

llama.cpp may end its process over a header that makes no sense; it is this one then.
"""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

from garden.core.dry_run import DryRun, DryRunDone, DryRunInput, DryRunRefused, Plan
from garden.core.errors import CancelledByUser, GardenError, OutOfMemoryError
from garden.core.held_memory import RAM
from garden.core.messages import Message
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters
from garden.engine.library import EngineLibrary
from garden.engine.planner import Planner
from garden.fit.plan_search import PlanSearch
from garden.process.memory_limit import growth_limited
from garden.process.worker_channel import WorkerChannel, harden, outcome_of

#: A plan takes some megabytes; recurrent states and the tables of a very long context are really made.
_MEMORY_BYTES = 4 * 1024**3


class DryRunWorker:
    """Serves the requests of one parent."""

    def __init__(self) -> None:
        self._channel: WorkerChannel[Message] = WorkerChannel(DryRunInput)
        self._planner: Planner | None = None
        self._limits_memory = False

    def run(self) -> int:
        """Serve until the parent closes the input."""
        while (request := self._channel.receive()) is not None:
            if isinstance(request, DryRun):
                self._channel.emit(outcome_of(lambda: self._answer(request)))
        return 0

    def _answer(self, request: DryRun) -> Message:
        planner = self._ready()
        try:
            if not self._limits_memory:
                return _Request(request, planner, self._channel).answer()
            with growth_limited(_MEMORY_BYTES):
                return _Request(request, planner, self._channel).answer()
        except CancelledByUser:
            raise
        except MemoryError:
            return _out_of_memory(request, OutOfMemoryError("Memory ran out."))
        except OutOfMemoryError as error:
            return _out_of_memory(request, error)
        except GardenError as error:
            return DryRunRefused(
                request_id=request.request_id, sentence=error.sentence, action=error.action, detail=error.detail
            )

    def _ready(self) -> Planner:
        """The engine, loaded at the first request.

        Raises:
            EngineMissingError: There is none.
        """
        if self._planner is None:
            library = EngineLibrary()
            self._planner = Planner(library)
            # A GPU's driver reserves far more addresses than memory.
            self._limits_memory = not library.offloads_to_gpu()
        return self._planner


class _Request:
    """One request under way."""

    def __init__(self, request: DryRun, planner: Planner, channel: WorkerChannel[Message]) -> None:
        self._request = request
        self._planner = planner
        self._channel = channel
        self._path = Path(request.path)
        self._fused: set[int] = set()
        self._fuses_everywhere = False
        self._batch = min(request.load.n_ubatch, request.load.n_batch)

    def answer(self) -> DryRunDone:
        """Plan, and search what was asked for.

        Raises:
            GardenError: The engine refuses the model or the settings.
            CancelledByUser: Cancelled between two plans.
        """
        started = time.perf_counter()
        request = self._request
        context = request.load.context_length
        seeks = request.load.n_gpu_layers == AUTO_GPU_LAYERS and any(on.device != RAM for on in request.allowances)
        wanted = max(0, (request.guessed_layers or 0) if seeks else request.load.n_gpu_layers)
        # The first plan tells how many layers there are.
        plan = self._plan(wanted, context)
        layers = None if seeks else min(wanted, plan.n_layers)
        search = PlanSearch(
            self._plan,
            request.allowances,
            plan.n_layers,
            request.guessed_layers,
            request.unmoved_bytes,
            request.lightest_bytes,
            may_unfuse=request.load.flash_attention == "auto",
            casts="f32" in (request.load.type_k, request.load.type_v),
            streams=1 if request.load.kv_unified else max(1, request.load.n_sequences),
        )
        search.remember(min(wanted, plan.n_layers), context, plan)
        plan = search.at(context, layers)
        largest = None
        if request.context_limit:
            largest = search.largest_context(request.context_limit, layers, request.guessed_context)
        return DryRunDone(
            request_id=request.request_id,
            plan=plan,
            largest_context=largest,
            plans=search.plans,
            seconds=time.perf_counter() - started,
        )

    def _plan(self, layers: int, context: int) -> Plan:
        if self._channel.cancelled.is_set():
            raise CancelledByUser
        plan = self._planner.plan(self._path, self._load(layers, context), self._request.gpus)
        # To choose for itself whether attention is fused the engine builds one more graph. What it chooses depends on
        # the layers' devices, not on the context, unless that cuts the batch: once for each placement is enough.
        if plan.flash_attention and context >= self._batch and not self._planner.asks_devices(self._request.gpus):
            self._fused.add(layers)
            self._fuses_everywhere = self._fuses_everywhere or self._attends_everywhere(plan)
        return plan

    def _attends_everywhere(self, plan: Plan) -> bool:
        """Whether what is fused in one placement is so in all.

        The engine gives it up where attention and the cache it reads come to lie on two devices. Matrices of the same
        layer before and after it keep that from happening; between recurrent layers, which may lack them, and where
        matrices are placed one by one, it was seen.
        """
        return not self._request.load.tensor_placement and not any(use.recurrent_bytes for use in plan.buffers)

    def _load(self, layers: int, context: int) -> LoadParameters:
        load = dataclasses.replace(self._request.load, n_gpu_layers=layers, context_length=context)
        fused = (self._fuses_everywhere or layers in self._fused) and context >= self._batch
        return dataclasses.replace(load, flash_attention="on") if fused else load


def _out_of_memory(request: DryRun, error: OutOfMemoryError) -> DryRunRefused:
    return DryRunRefused(
        request_id=request.request_id,
        sentence="The engine needs more memory than it was given to plan this load.",
        action="Choose a smaller context, or fewer sequences.",
        detail=error.detail,
        out_of_memory=True,
    )


def main() -> int:
    """Entry point of the child."""
    harden()
    code = DryRunWorker().run()
    # Not through the interpreter's own end: the engine's log may still call into it.
    os._exit(code)
