"""Verdicts that the formula left open: the engine is asked behind the caller's back, and what it says is remembered."""

from __future__ import annotations

import dataclasses
import logging
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass

from garden.core.dry_run import DryRunDone
from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import EventBus, FitDecided
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.quantity import MIB
from garden.core.run_configuration import LoadParameters
from garden.fit.devices import Budget, budgets_of
from garden.fit.vocabulary import vocabulary_bytes
from garden.gguf.header import GgufHeader
from garden.jobs.pool import TaskPool
from garden.services.exact_fit import ExactFit, judged

_log = logging.getLogger(__name__)

#: Answers kept: some rows at some settings of a slider.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class _Question:
    """What was asked. The plan of a load depends on what GPUs offer, not on the RAM."""

    header: int
    load: LoadParameters
    gpus: tuple[Budget, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the engine said; None while nobody knows, or when it could not be asked."""

    header: weakref.ref[GgufHeader]
    said: DryRunDone | FitForecast | None = None


#: What a GPU that shares the RAM has free changes with every reading; so little of it changes no plan.
_STEP_BYTES = 256 * MIB


def _steady(budget: Budget) -> Budget:
    if not budget.shared:
        return budget
    return dataclasses.replace(budget, available_bytes=budget.available_bytes // _STEP_BYTES * _STEP_BYTES)


class Decisions:
    """Settles open verdicts for whoever cannot wait. Safe to use from any thread.

    Args:
        exact: Asks the engine.
        pool: Where it is asked.
        bus: Told when it has answered.
    """

    def __init__(self, exact: ExactFit, pool: TaskPool, bus: EventBus) -> None:
        self._exact = exact
        self._pool = pool
        self._bus = bus
        self._answers: OrderedDict[_Question, _Answer] = OrderedDict()
        self._lock = threading.Lock()

    def settled(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot,
        formula: FitForecast,
        *,
        ask: bool = True,
    ) -> FitForecast:
        """The engine's forecast where the formula left the verdict open and the engine has answered by now.

        Otherwise the formula's own, and the first time the engine is asked; FitDecided says when it has answered.

        Args:
            header: Of the model.
            load: How it would be loaded.
            machine: Where.
            formula: What the formula says.
            ask: Whether the engine is to be asked; False while more and more loads are passed by.
        """
        if formula.verdict is not Verdict.UNKNOWN or formula.total_bytes is None:
            return formula
        budgets = budgets_of(machine, vocabulary_bytes(header))
        question = _Question(id(header), load, tuple(map(_steady, budgets.gpus)))
        with self._lock:
            answer = self._answers.get(question)
            # A number may be used again after an object is gone, so that the object itself is compared.
            if answer is None or answer.header() is not header:
                if not ask:
                    return formula
                self._keep(question, _Answer(weakref.ref(header)))
                self._pool.submit(lambda cancelled: self._ask(question, header, load, machine, formula, cancelled))
                return formula
        match answer.said:
            case DryRunDone():
                return judged(formula, answer.said, load, budgets)
            case FitForecast():
                return answer.said
            case _:
                return formula

    def _ask(
        self,
        question: _Question,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot,
        formula: FitForecast,
        cancelled: threading.Event,
    ) -> None:
        try:
            said = self._exact.ask(header, load, machine, formula, cancelled=cancelled)
        except CancelledByUser:
            return
        except GardenError as error:
            _log.warning("The engine could not be asked: %s", error)
            return
        with self._lock:
            self._keep(question, _Answer(weakref.ref(header), said))
        self._bus.publish(FitDecided())

    def _keep(self, question: _Question, answer: _Answer) -> None:
        self._answers[question] = answer
        self._answers.move_to_end(question)
        while len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
