"""What a pane that has not begun to answer waits for, step by step."""

from __future__ import annotations

from collections.abc import Sequence

from garden.core.fit_forecast import FitForecast
from garden.core.quantity import format_bytes
from garden.core.run_configuration import RunConfiguration
from garden.gui.viewmodels.pane_state import LiveAnswer, Step


def planned_bytes(forecasts: Sequence[FitForecast | None], *, relay: bool) -> tuple[int, int]:
    """What models will take of the RAM and of the first GPU, which the meter shows.

    In fair mode all together, as long as there is room: idle ones are unloaded for those that come after. In relay the
    largest alone.

    Args:
        forecasts: Of models that are not loaded yet; None where nothing is known.
        relay: Whether each is unloaded after its answer.
    """
    known = [forecast.devices for forecast in forecasts if forecast is not None]
    rams = [device for devices in known for device in devices if device.kind == "ram"]
    gpus = [next((device for device in devices if device.kind == "gpu"), None) for devices in known]
    found = []
    for each in (rams, [gpu for gpu in gpus if gpu is not None]):
        sizes = [device.need_bytes for device in each]
        room = max((device.available_bytes for device in each), default=0)
        found.append(max(sizes, default=0) if relay or sum(sizes) > room else sum(sizes))
    return found[0], found[1]


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
