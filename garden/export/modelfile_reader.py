"""Reads Modelfiles as Ollama does, to check what was written against what was meant.

Follows the rules of Ollama's parser (parser/parser.go): a value ends at a line end where its quotes are closed;
nothing is escaped; characters that do not print are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

from garden.core.errors import RefusedError

#: Ollama's documentation, docs/modelfile.mdx.
INSTRUCTIONS = frozenset({"FROM", "PARAMETER", "TEMPLATE", "SYSTEM", "ADAPTER", "LICENSE", "MESSAGE", "REQUIRES"})
PARAMETERS = frozenset(
    {
        "num_ctx",
        "repeat_last_n",
        "repeat_penalty",
        "temperature",
        "seed",
        "stop",
        "num_predict",
        "draft_num_predict",
        "top_k",
        "top_p",
        "min_p",
    }
)

_SPACES = " \t"
_LINE_ENDS = "\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction.

    Attributes:
        name: In capitals, e.g. ``PARAMETER``.
        key: Of a parameter, e.g. ``num_ctx``; empty for others.
        value: As Ollama understands it.
    """

    name: str
    value: str
    key: str = ""


def read_modelfile(text: str) -> tuple[Instruction, ...]:
    """The instructions of a Modelfile.

    Raises:
        RefusedError: An instruction or parameter that Ollama's documentation does not know, an open quote, or no FROM.
    """
    found: list[Instruction] = []
    position = 0
    while (position := _skip_blank(text, position)) < len(text):
        name, position = _word(text, position)
        name = name.upper()
        if name not in INSTRUCTIONS:
            raise _refused(f"{name[:40]!r} is not an instruction of a Modelfile.")
        key = ""
        if name == "PARAMETER":
            key, position = _word(text, position)
            if key not in PARAMETERS:
                raise _refused(f"{key[:40]!r} is not a parameter of a Modelfile.")
        value, position = _value(text, position)
        found.append(Instruction(name=name, key=key, value=value))
    if not any(instruction.name == "FROM" for instruction in found):
        raise _refused("The Modelfile names no model.")
    return tuple(found)


def quoted(value: str) -> str | None:
    """A value in quotes that Ollama reads as exactly this text; None when it has no way to write it."""
    text = f'"""{value}"""'
    try:
        read, end = _value(text, 0)
    except RefusedError:
        return None
    return text if read == value and end == len(text) else None


def bare(value: str) -> str | None:
    """A value as it is, where Ollama reads it as exactly this text; None when it needs quotes."""
    try:
        read, end = _value(value, 0)
    except RefusedError:
        return None
    return value if value and read == value and end == len(value) and not value.startswith('"') else None


def _skip_blank(text: str, position: int) -> int:
    while position < len(text):
        if text[position] == "#":
            while position < len(text) and text[position] not in _LINE_ENDS:
                position += 1
        elif text[position] not in _SPACES + _LINE_ENDS:
            break
        else:
            position += 1
    return position


def _word(text: str, position: int) -> tuple[str, int]:
    start = position
    while position < len(text) and text[position] not in _SPACES + _LINE_ENDS:
        position += 1
    return text[start:position], position + 1


def _value(text: str, position: int) -> tuple[str, int]:
    kept: list[str] = []
    while position < len(text):
        character = text[position]
        if character in _LINE_ENDS:
            closed = _unquoted("".join(kept).strip())
            if closed is not None:
                return closed, position
            kept.append(character)
        elif character in _SPACES or character.isprintable():
            kept.append(character)
        position += 1
    closed = _unquoted("".join(kept).strip())
    if closed is None:
        raise _refused("A quote in the Modelfile is not closed.")
    return closed, position


def _unquoted(value: str) -> str | None:
    """The text inside the quotes; None while they are open."""
    for quote in ('"""', '"'):
        if value.startswith(quote):
            whole = len(value) >= 2 * len(quote) and value.endswith(quote)
            return value[len(quote) : -len(quote)] if whole else None
    return value


def _refused(sentence: str) -> RefusedError:
    return RefusedError(sentence, "Nothing was written; report it with the model's name.")
