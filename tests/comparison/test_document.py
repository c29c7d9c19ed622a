from __future__ import annotations

import json

from garden.comparison.document import to_json
from garden.core.conversation import GenerationMetrics
from garden.core.run_configuration import RunConfiguration
from tests.comparison.values import answer, conversation


def test_the_document_holds_what_the_command_line_promises() -> None:
    told = conversation(answer("The sky", (1, 2)), answer("The end", (1, 3), pane="B"))

    document = json.loads(to_json(told))

    first, second = document["turns"][0]["answers"]
    assert (document["schema_version"], document["kind"], document["mode"]) == (1, "garden.comparison", "fair")
    assert (first["model"], first["text"], first["finish_reason"], first["token_ids"]) == (
        "Tiny",
        "The sky",
        "stop",
        [1, 2],
    )
    assert (first["first_difference"], second["first_difference"]["token"]) == (None, 1)
    assert RunConfiguration.from_document(second["run_configuration"]) == told.panes[1][1]


def test_unknown_figures_are_null() -> None:
    document = json.loads(to_json(conversation(answer("x", metrics=GenerationMetrics()))))

    told = document["turns"][0]["answers"][0]
    names = ("prompt_tokens", "decode_tokens_per_second", "time_to_first_token_ms", "buffers_bytes", "error")
    assert [told[name] for name in names] == [None] * 5


def test_half_characters_do_not_break_the_file() -> None:
    text = to_json(conversation(answer("\ud83d"), prompt="\udce4"))

    assert json.loads(text.encode())["turns"][0]["prompt"] == "?"
