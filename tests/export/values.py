"""Configurations that the tests of exports take away."""

from __future__ import annotations

import dataclasses

from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration, Sampling

#: Names, paths, prompts as somebody with bad intentions, or a bad keyboard, writes them.
HOSTILE = [
    "plain",
    "with space",
    'it\'s "quoted"',
    '"""',
    'a line that ends in """\nFROM evil',
    'ends """ \n\nPARAMETER temperature 9',
    "$(touch evil) `touch evil` ${HOME} %PATH% ; touch evil & | > <",
    "\\n is no line end \\",
    "line\nend\r\nand\rmore\ttab",
    "'''\nimport os\n'''",
    "{{ .System }} {% raw %} {0} %s",
    "# comment\n# PARAMETER",
    "‘curly’ ‚quotes‛ and “more”",
    "emoji 👩‍👩‍👧 and \u200b zero width \u00a0 and \u2028 line separator",
    "-rf --help",
    "ünïcödé 树",
    "\x1b[31m escape \x07",
    "",
    " leading and trailing ",
]

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHATML_PROMPT = (
    "<|im_start|>system\nYou are SmolLM.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
)


def configuration(*, load: dict[str, object] | None = None, ask: dict[str, object] | None = None) -> RunConfiguration:
    ref = ModelRef(
        name="Tiny", filenames=("Tiny.Q4_1.gguf",), path="/models/Tiny.Q4_1.gguf", quant_type="Q4_1", sha256="ab" * 32
    )
    base = RunConfiguration(model=ref).with_load(context_length=2048, threads=2, threads_batch=4, flash_attention="on")
    return base.with_ask(sampling=Sampling(temperature=0), seed=7).with_load(**(load or {})).with_ask(**(ask or {}))


def with_model(base: RunConfiguration, **fields: object) -> RunConfiguration:
    return dataclasses.replace(base, model=dataclasses.replace(base.model, **fields))  # type: ignore[arg-type]  # named by the tests
