from __future__ import annotations

import dataclasses

from garden.core.fit_forecast import DeviceMemory, FitForecast, FitMethod, MemoryKind, Placement, Verdict
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.gui.viewmodels.pane_state import LiveAnswer
from garden.gui.viewmodels.relay_plan import plan_steps, planned_bytes

RUN = RunConfiguration(model=ModelRef(name="Tiny", filenames=("tiny.gguf",), size_bytes=94 * 1024**2))


def texts(live: LiveAnswer, waits: list[tuple[str, str]], *, relay: bool = False, loaded: bool = False) -> list[str]:
    return [step.text for step in plan_steps(live, RUN, waits, relay=relay, loaded=loaded)]


def test_a_waiting_pane_names_those_before_it() -> None:
    assert texts(LiveAnswer(), [("B", "answering"), ("A", "queued")]) == [
        "B finishes its answer",
        "A answers first",
        "Load from disk",
        "Read the prompt",
    ]


def test_in_relay_the_model_before_it_is_unloaded() -> None:
    assert texts(LiveAnswer(), [("B", "loading")], relay=True)[:2] == ["B answers first", "B is unloaded"]


def test_a_loaded_model_is_not_loaded_again() -> None:
    assert texts(LiveAnswer(), [], loaded=True) == ["Read the prompt"]


def test_loading_and_reading_tell_how_far_they_are() -> None:
    loading = plan_steps(LiveAnswer(state="loading", fraction=0.4), RUN, [], relay=False, loaded=False)
    reading = plan_steps(LiveAnswer(state="reading", fraction=0.9), RUN, [], relay=False, loaded=True)
    assert [(step.text, step.under_way, step.fraction) for step in (*loading, *reading)] == [
        ("Load from disk", True, 0.4),
        ("Read the prompt", False, None),
        ("Read the prompt", True, 0.9),
    ]


def needs(ram_bytes: int, gpu_bytes: int) -> FitForecast:
    sizes: dict[MemoryKind, int] = {"ram": ram_bytes, "gpu": gpu_bytes}
    devices = tuple(
        DeviceMemory(name=kind, kind=kind, total_bytes=100, available_bytes=100, weights_bytes=size)
        for kind, size in sizes.items()
    )
    return FitForecast(
        verdict=Verdict.FITS, placement=Placement.SPLIT, reason="", method=FitMethod.FORMULA, devices=devices
    )


def test_fair_panes_take_memory_together_and_relayed_ones_alone() -> None:
    forecasts = [needs(10, 4), None, needs(3, 6)]
    assert planned_bytes(forecasts, relay=False) == (13, 10)
    assert planned_bytes(forecasts, relay=True) == (10, 6)
    assert planned_bytes([], relay=False) == (0, 0)


def test_what_has_no_room_together_comes_one_after_the_other() -> None:
    assert planned_bytes([needs(60, 4), needs(50, 6)], relay=False) == (60, 10)
    assert planned_bytes([needs(130, 4)], relay=False) == (130, 4), "one that does not fit at all is shown as it is"


def test_of_several_gpus_the_first_is_planned() -> None:
    forecast = needs(10, 4)
    second = dataclasses.replace(forecast.devices[1], name="second", weights_bytes=50)
    both = dataclasses.replace(forecast, devices=(*forecast.devices, second))
    assert planned_bytes([both], relay=False) == (10, 4)
