from __future__ import annotations

import pytest

from garden.core.errors import NotFoundError, RefusedError
from garden.export.formats import FORMATS, Format, render
from tests.export.values import configuration, with_model

#: What each format makes, the file that it names first, and how each begins.
FILES = {
    "ollama": {"Modelfile": "# "},
    "llama-server": {"llama-server.sh": "#!/bin/sh\n", "llama-server.ps1": "# "},
    "llama-cpp-python": {"answer.py": "#!/usr/bin/env python3\n"},
}


@pytest.mark.parametrize("hostile", ["plain", "../../a\\b", "no line end\n\n"])
@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
def test_each_format_makes_its_files_whatever_the_model_is_called(known: Format, hostile: str) -> None:
    export = render(known.name, with_model(configuration(ask={"system_prompt": hostile}), name=hostile))

    assert [file for file, _ in export.files] == list(FILES[known.name])
    assert export.files[0][0] == known.file_name
    for file, text in export.files:
        assert text.startswith(FILES[known.name][file])
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
    assert export.notes


def test_flash_attention_cache_types_and_penalty_are_always_told() -> None:
    told = configuration(load={"type_k": "q8_0", "type_v": "q8_0"})

    for known in FORMATS:
        export = render(known.name, told)
        text = " ".join([*(text for _, text in export.files), *export.notes])
        assert "q8_0" in text, known.name
        assert "repeat_penalty" in text or "--repeat-penalty" in text, known.name
        assert "FLASH_ATTENTION" in text or "-fa on" in text or "'flash_attention': 'on'" in text, known.name


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        render("olama", configuration())

    assert caught.value.action == "Choose one of: ollama, llama-server, llama-cpp-python."


@pytest.mark.parametrize("name", [known.name for known in FORMATS])
def test_half_characters_are_refused_or_left_out_but_never_break_the_writing(name: str) -> None:
    told = with_model(configuration(ask={"system_prompt": "\ud800", "stops": ("\udcff",)}), name="\ud800")

    try:
        export = render(name, told)
    except RefusedError as error:
        assert "no text file can carry" in error.sentence
    else:
        for _, text in export.files:
            text.encode()
