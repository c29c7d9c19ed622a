from __future__ import annotations

import pytest

from garden.core.errors import NotFoundError, RefusedError
from garden.export.formats import FORMATS, render
from tests.export.values import configuration, with_model


@pytest.mark.parametrize("name", [known.name for known in FORMATS])
def test_each_format_makes_the_file_it_names(name: str) -> None:
    known = next(known for known in FORMATS if known.name == name)

    export = render(name, configuration())

    names = [file for file, _ in export.files]
    assert known.file_name in names
    assert all("/" not in file and "\\" not in file for file in names)
    assert all(text.endswith("\n") for _, text in export.files)
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
