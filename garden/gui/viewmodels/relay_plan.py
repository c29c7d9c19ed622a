"""What a pane that has not begun to answer waits for, step by step."""

from __future__ import annotations

from collections.abc import Sequence

from garden.core.fit_forecast import FitForecast, MemoryKind
from garden.core.quantity import format_bytes
from garden.core.run_configuration import RunConfiguration
from garden.gui.viewmodels.pane_state import LiveAnswer, Step


def planned_bytes(forecasts: Sequence[FitForecast | None], *, relay: bool) -> tuple[int, int]:
    """What panes that were not asked yet will need, RAM and GPU: together in fair mode, the largest alone in relay."""
    per_kind: list[int] = []
    kinds: tuple[MemoryKind, ...] = ("ram", "gpu")
    for kind in kinds:
        each = [forecast.need_of(kind) for forecast in forecasts if forecast is not None]
        per_kind.append((max(each) if relay else sum(each)) if each else 0)
    return per_kind[0], per_kind[1]


def plan_steps(
    live: LiveAnswer,
    run: RunConfiguration,
    waits: Sequence[tuple[str, str]],
    *,
    relay: bool,
    loaded: bool,
) -> tuple[Step, ...]:
    """The steps from now to the first token.

    Args:
        live: Where the pane is.
        run: Its configuration.
        waits: Letters and states of the panes that come first, in their order.
        relay: Whether each model is unloaded after its answer.
        loaded: Whether the pane's model is loaded already.
    """
    steps = []
    if live.state == "queued":
        for number, (letter, state) in enumerate(waits):
            text = f"{letter} finishes its answer" if state == "answering" else f"{letter} answers first"
            steps.append(Step(text=text, under_way=number == 0 and state != "queued"))
            if relay and number == len(waits) - 1:
                steps.append(Step(text=f"{letter} is unloaded"))
    if live.state in ("queued", "loading") and not loaded:
        size = format_bytes(run.model.size_bytes) if run.model.size_bytes else ""
        loading = live.state == "loading"
        steps.append(
            Step(text="Load from disk", detail=size, under_way=loading, fraction=live.fraction if loading else None)
        )
    reading = live.state == "reading"
    steps.append(Step(text="Read the prompt", under_way=reading, fraction=live.fraction if reading else None))
    return tuple(steps)
