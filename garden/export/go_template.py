"""Chat templates in Ollama's language, for the families that many models share."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A way to mark turns.

    Attributes:
        title: Its name for people.
        signs: Markers that a Jinja template of this family holds, all of them.
        others: Markers that speak against it.
        go: The template in Ollama's language.
        opening: What a rendered prompt ends with, just before the answer.
        system: Finds the system message in a rendered prompt, in group 1; None when the family has none of its own.
    """

    title: str
    signs: tuple[str, ...]
    go: str
    opening: str
    others: tuple[str, ...] = ()
    system: str | None = None


FAMILIES: tuple[Family, ...] = (
    Family(
        title="ChatML",
        signs=("<|im_start|>", "<|im_end|>"),
        go="{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
        "{{ if .Prompt }}<|im_start|>user\n{{ .Prompt }}<|im_end|>\n{{ end }}"
        "<|im_start|>assistant\n{{ .Response }}<|im_end|>\n",
        opening="<|im_start|>assistant\n",
        others=("<|im_sep|>",),
        system=r"\A(?:<s>)?<\|im_start\|>system\n(.*?)<\|im_end\|>\n",
    ),
    Family(
        title="Llama 3",
        signs=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        go="{{ if .System }}<|start_header_id|>system<|end_header_id|>\n\n{{ .System }}<|eot_id|>{{ end }}"
        "{{ if .Prompt }}<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}<|eot_id|>{{ end }}"
        "<|start_header_id|>assistant<|end_header_id|>\n\n{{ .Response }}<|eot_id|>",
        opening="<|start_header_id|>assistant<|end_header_id|>\n\n",
        system=r"\A(?:<\|begin_of_text\|>)?<\|start_header_id\|>system<\|end_header_id\|>\n\n(.*?)<\|eot_id\|>",
    ),
    Family(
        title="Gemma",
        signs=("<start_of_turn>", "<end_of_turn>"),
        go="<start_of_turn>user\n{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}<end_of_turn>\n"
        "<start_of_turn>model\n{{ .Response }}<end_of_turn>\n",
        opening="<start_of_turn>model\n",
    ),
    Family(
        title="Phi 3",
        signs=("<|user|>", "<|assistant|>", "<|end|>"),
        go="{{ if .System }}<|system|>\n{{ .System }}<|end|>\n{{ end }}"
        "{{ if .Prompt }}<|user|>\n{{ .Prompt }}<|end|>\n{{ end }}<|assistant|>\n{{ .Response }}<|end|>\n",
        opening="<|assistant|>\n",
        system=r"\A<\|system\|>\n(.*?)<\|end\|>\n",
    ),
)


def family_of(template: str) -> Family | None:
    """The family of a Jinja template, None when it is none that is known."""
    for family in FAMILIES:
        if all(sign in template for sign in family.signs) and not any(other in template for other in family.others):
            return family
    return None


def system_in(family: Family, prompt_text: str) -> str | None:
    """The system message that a rendered prompt begins with, the template's own included; None when there is none."""
    if family.system is None:
        return None
    found = re.match(family.system, prompt_text, re.DOTALL)
    return found[1] if found else None
