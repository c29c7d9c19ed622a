from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters
from garden.gui.viewmodels.measuring import Measuring, measured_sentence
from garden.jobs.handle import Handle
from tests.gui.open_garden import OpenGarden, open_garden

LOAD = LoadParameters(threads=4)
QUANTIZED = dataclasses.replace(LOAD, type_k="q8_0", type_v="q8_0")
REF = ModelRef(name="Tiny", filenames=("Tiny.gguf",), quant_type="F16")


@pytest.fixture
def opened() -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


def test_a_result_is_told_with_the_options_that_it_was_measured_with(qtbot: QtBot, opened: OpenGarden) -> None:
    measuring, said = Measuring(opened.garden, opened.pump), []
    measuring.said.connect(lambda sentence, _action: said.append(sentence))
    result: Handle[Any] = Handle()

    measuring.begin("Tiny", "F16", lambda: result, measured_sentence(REF, LOAD), LOAD)
    same, other = measuring.job("Tiny", "F16", LOAD), measuring.job("Tiny", "F16", QUANTIZED)
    result.succeed(None)
    qtbot.waitUntil(lambda: bool(said))

    assert same is not None and same.note == ""
    assert other is not None and other.note == "With the options from before · waiting"
    assert said == ["The speed of Tiny F16 was measured, with KV f16 and 4 threads."]
    assert measuring.job("Tiny", "F16", QUANTIZED) is None


def test_both_caches_are_named_where_they_differ() -> None:
    mixed = dataclasses.replace(LOAD, type_v="q4_0", threads=1)

    assert measured_sentence(REF, mixed) == "The speed of Tiny F16 was measured, with KV f16 and q4_0 and 1 thread."
    assert measured_sentence(REF, None) == "The speed of Tiny F16 was measured."
