from __future__ import annotations

import dataclasses

import pytest

from garden.core.errors import RefusedError
from garden.core.run_configuration import Adapter, RunConfiguration, Sampling
from garden.export.formats import render
from garden.export.modelfile_reader import Instruction, quoted, read_modelfile
from garden.export.rendering import Export
from tests.export.values import CHATML, CHATML_PROMPT, HOSTILE, configuration, with_model


def modelfile(told: RunConfiguration, **more: str | None) -> tuple[Export, list[Instruction]]:
    export = render("ollama", told, prompt_text=more.get("prompt"), template_text=more.get("template"))
    ((name, text),) = export.files
    assert name == "Modelfile"
    return export, list(read_modelfile(text))


def value(instructions: list[Instruction], name: str, key: str = "") -> str | None:
    return next((i.value for i in instructions if (i.name, i.key) == (name, key)), None)


def test_the_whole_file() -> None:
    export = render("ollama", configuration(ask={"stops": ("END",), "max_tokens": 100}), template_text=CHATML)

    assert export.files[0][1] == (
        "# Tiny Q4_1\n"
        "# ollama create NAME -f Modelfile\n"
        f"# SHA-256 of the file: {'ab' * 32}\n"
        "\n"
        "FROM /models/Tiny.Q4_1.gguf\n"
        "PARAMETER num_ctx 2048\n"
        "PARAMETER num_predict 100\n"
        "PARAMETER temperature 0.0\n"
        "PARAMETER top_k 1\n"
        "PARAMETER top_p 0.95\n"
        "PARAMETER min_p 0.05\n"
        "PARAMETER repeat_penalty 1.0\n"
        "PARAMETER repeat_last_n 64\n"
        "PARAMETER seed 7\n"
        'PARAMETER stop """END"""\n'
        'TEMPLATE """{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}'
        "{{ if .Prompt }}<|im_start|>user\n{{ .Prompt }}<|im_end|>\n{{ end }}"
        '<|im_start|>assistant\n{{ .Response }}<|im_end|>\n"""\n'
    )


def test_the_server_is_told_about_flash_attention_and_cache_types_in_the_notes() -> None:
    export, _ = modelfile(configuration(load={"type_k": "q8_0", "type_v": "q8_0"}))

    assert any("OLLAMA_FLASH_ATTENTION=1" in note for note in export.notes)
    assert any("OLLAMA_KV_CACHE_TYPE=q8_0" in note for note in export.notes)
    mixed, _ = modelfile(configuration(load={"type_k": "q8_0", "type_v": "f16"}))
    assert any("no KV cache of type q8_0 for K and f16 for V" in note for note in mixed.notes)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_values(text: str) -> None:
    told = with_model(configuration(ask={"system_prompt": text, "stops": (text, "end")}), name=text, quant_type=text)

    export, instructions = modelfile(told, template=text)

    expected = None if quoted(text) is None else text
    assert value(instructions, "SYSTEM") == expected
    assert [i.value for i in instructions if i.key == "stop"] == [*([text] if expected else []), "end"]
    assert {i.key for i in instructions if i.name == "PARAMETER"} <= {
        *("num_ctx", "num_predict", "temperature", "top_k", "top_p", "min_p"),
        *("repeat_penalty", "repeat_last_n", "seed", "stop"),
    }
    assert expected is not None or any("send it with each request" in note for note in export.notes)


def test_the_templates_own_system_message_is_written_out() -> None:
    _, instructions = modelfile(configuration(), prompt=CHATML_PROMPT, template=CHATML)

    assert value(instructions, "SYSTEM") == "You are SmolLM."


def test_a_template_that_begins_the_answer_in_its_own_way_is_left_to_ollama() -> None:
    export, instructions = modelfile(configuration(), prompt=CHATML_PROMPT + "<think>\n", template=CHATML)

    assert value(instructions, "TEMPLATE") is None
    assert any("begins the answer in its own way" in note for note in export.notes)


@pytest.mark.parametrize("template", [None, "[INST] {{ messages }}"])
def test_an_unknown_template_is_left_to_ollama_and_said_so(template: str | None) -> None:
    export, instructions = modelfile(configuration(), template=template)

    assert value(instructions, "TEMPLATE") is None
    assert any("left to Ollama" in note for note in export.notes)


def test_plain_completion_has_a_plain_template() -> None:
    _, instructions = modelfile(configuration(ask={"template": "none"}))

    assert value(instructions, "TEMPLATE") == "{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}"


@pytest.mark.parametrize("path", ["/a b/ü.gguf", 'C:\\Models\\x "y".gguf', '"quoted".gguf', "/with\nline.gguf"])
def test_odd_paths_are_written_so_that_they_are_read(path: str) -> None:
    _, instructions = modelfile(with_model(configuration(), path=path))

    assert value(instructions, "FROM") == path


def test_a_path_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(RefusedError, match="cannot be written in a Modelfile"):
        modelfile(with_model(configuration(), path="/zero\u200bwidth.gguf"))


def test_every_shard_is_named() -> None:
    names = ("q/M-00001-of-00002.gguf", "q/M-00002-of-00002.gguf")

    _, instructions = modelfile(with_model(configuration(), filenames=names, path="/m/M-00001-of-00002.gguf"))

    assert [i.value for i in instructions if i.name == "FROM"] == [
        "/m/M-00001-of-00002.gguf",
        "/m/M-00002-of-00002.gguf",
    ]


def test_a_model_that_is_only_on_the_hub_is_fetched_by_ollama() -> None:
    export, instructions = modelfile(
        with_model(configuration(), path=None, repo_id="owner/M-GGUF", revision="abc", quant_type="Q4_K_M")
    )

    assert value(instructions, "FROM") == "hf.co/owner/M-GGUF:Q4_K_M"
    assert any("revision abc" in note for note in export.notes)
    with pytest.raises(RefusedError):
        modelfile(with_model(configuration(), path=None))


def test_samplers_without_a_word_are_named() -> None:
    export, _ = modelfile(configuration(ask={"sampling": Sampling(xtc_probability=0.5, typical_p=0.9)}))

    assert any("typical_p, xtc_probability" in note for note in export.notes)


def test_adapters() -> None:
    export, instructions = modelfile(
        configuration(load={"adapters": (Adapter(path="/a.gguf", scale=0.5), Adapter(path="/b.gguf"))})
    )

    assert value(instructions, "ADAPTER") == "/a.gguf"
    assert any("at full strength, not 0.5" in note for note in export.notes)


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(RefusedError, match="top_p is not a finite number"):
        modelfile(configuration(ask={"sampling": dataclasses.replace(Sampling(), top_p=float("nan"))}))
