"""Quantization types of whole files: llama.cpp's names and numbers, and how file names spell them."""

from __future__ import annotations

import re
from typing import NamedTuple


class QuantType(NamedTuple):
    """A whole-file type.

    Attributes:
        name: llama.cpp's name, e.g. ``Q4_K_M``.
        ftype: Its number in ``general.file_type``.
        bits_per_weight: Rough, for forecasts from a name alone: llama.cpp's table for Llama-3.1-8B where it has the
            type, else 8 · block bytes / block size.
    """

    name: str
    ftype: int
    bits_per_weight: float


QUANT_TYPES: tuple[QuantType, ...] = (
    QuantType("F32", 0, 32.0),
    QuantType("BF16", 32, 16.0),
    QuantType("F16", 1, 16.0),
    QuantType("Q8_0", 7, 8.5),
    QuantType("Q6_K", 18, 6.56),
    QuantType("Q5_1", 9, 6.0),
    QuantType("Q5_K_M", 17, 5.7),
    QuantType("Q5_K_S", 16, 5.57),
    QuantType("Q5_0", 8, 5.57),
    QuantType("Q4_1", 3, 5.1),
    QuantType("Q4_K_M", 15, 4.89),
    QuantType("Q4_K_S", 14, 4.67),
    QuantType("IQ4_NL", 25, 4.67),
    QuantType("Q4_0", 2, 4.64),
    QuantType("NVFP4", 39, 4.5),
    QuantType("IQ4_XS", 30, 4.46),
    QuantType("MXFP4_MOE", 38, 4.25),
    QuantType("Q3_K_L", 13, 4.3),
    QuantType("Q3_K_M", 12, 4.0),
    QuantType("IQ3_M", 27, 3.76),
    QuantType("IQ3_S", 26, 3.66),
    QuantType("Q3_K_S", 11, 3.64),
    QuantType("IQ3_XS", 22, 3.5),
    QuantType("IQ3_XXS", 23, 3.25),
    QuantType("Q2_K", 10, 3.16),
    QuantType("Q2_K_S", 21, 2.97),
    QuantType("IQ2_M", 29, 2.93),
    QuantType("IQ2_S", 28, 2.74),
    QuantType("IQ2_XS", 20, 2.59),
    QuantType("IQ2_XXS", 19, 2.38),
    QuantType("IQ1_M", 31, 2.15),
    QuantType("TQ2_0", 37, 2.06),
    QuantType("IQ1_S", 24, 2.0),
    QuantType("TQ1_0", 36, 1.69),
    QuantType("Q1_0", 40, 1.13),
)

_BY_NAME = {quant.name: quant for quant in QUANT_TYPES}
_BY_FTYPE = {quant.ftype: quant for quant in QUANT_TYPES}

# Spellings in file names that are not the type's own name; the longest alternatives come first.
_ALIASES = {
    "MXFP4": "MXFP4_MOE",
    "FP16": "F16",
    "FP32": "F32",
    "Q8": "Q8_0",
    "Q4_K": "Q4_K_M",
    "Q5_K": "Q5_K_M",
    "Q3_K": "Q3_K_M",
}
_NAMES = sorted([*_BY_NAME, *_ALIASES], key=len, reverse=True)
# Publishers' own mixtures keep the name they gave them, e.g. ``Q4_K_XL`` or ``Q6_K_L``.
_IN_FILE_NAME = re.compile(
    r"(?<![A-Za-z0-9])(" + "|".join(_NAMES) + r")(_(?:XXL|XL|L))?(?![A-Za-z0-9]|_[A-Z0-9])", re.IGNORECASE
)


def quant_type_named(name: str) -> QuantType | None:
    """The type that a user or a file names, in any spelling; None for an unknown one."""
    key = name.strip().upper().replace("-", "_")
    key = _ALIASES.get(key, key)
    if key not in _BY_NAME:
        key = key.rpartition("_")[0] if key.endswith(("_XXL", "_XL", "_L")) else key
        key = _ALIASES.get(key, key)
    return _BY_NAME.get(key)


def quant_type_numbered(ftype: int) -> QuantType | None:
    """The type of ``general.file_type``; None for an unknown number (1,024 and above mean “guessed”)."""
    return _BY_FTYPE.get(ftype)


def quant_type_of(filename: str) -> str | None:
    """The type that a file's name ends in, e.g. ``Q4_K_M`` of ``Qwen3-8B-Q4_K_M.gguf``; None when it says nothing."""
    stem = filename.rpartition("/")[2].removesuffix(".gguf")
    matches: list[tuple[str, str]] = _IN_FILE_NAME.findall(stem)
    if not matches:
        return None
    name, mixture = (part.upper() for part in matches[-1])
    return name + mixture if mixture else _ALIASES.get(name, name)
