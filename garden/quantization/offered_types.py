"""Types that Garden makes, by llama.cpp's names, and why it does not make the others."""

from __future__ import annotations

from garden.core.errors import RefusedError

#: Whole-file types that the engine makes without an importance matrix, largest first. This is a whitelist: several
#: other type numbers end the engine's process instead of failing (SIGFPE, SIGABRT, SIGSEGV; measured with 0.3.36).
OFFERED_TYPES: tuple[str, ...] = (
    "BF16",
    "F16",
    "Q8_0",
    "Q6_K",
    "Q5_1",
    "Q5_K_M",
    "Q5_K_S",
    "Q5_0",
    "Q4_1",
    "Q4_K_M",
    "Q4_K_S",
    "Q4_0",
    "IQ4_NL",
    "IQ4_XS",
    "Q3_K_L",
    "Q3_K_M",
    "IQ3_M",
    "IQ3_S",
    "Q3_K_S",
    "Q2_K",
)

#: Types that the engine refuses without an importance matrix; their sizes can be told, they cannot be made yet.
IMATRIX_TYPES: tuple[str, ...] = (
    "IQ3_XS",
    "IQ3_XXS",
    "Q2_K_S",
    "IQ2_M",
    "IQ2_S",
    "IQ2_XS",
    "IQ2_XXS",
    "IQ1_M",
    "IQ1_S",
)

#: The size below which 4 bits hurt so much that 8 are the better start, in parameters.
_SMALL_MODEL = 1_500_000_000


def canonical_type(quant_type: str) -> str:
    """The spelling of the lists above, for what a user typed.

    Raises:
        RefusedError: Neither an offered type nor one that needs an importance matrix.
    """
    name = quant_type.strip().upper().replace("-", "_")
    if name in OFFERED_TYPES or name in IMATRIX_TYPES:
        return name
    shown = "".join(character for character in quant_type[:40] if character.isprintable())
    raise RefusedError(f"Garden does not make files of type “{shown}”.", f"Choose one of {', '.join(OFFERED_TYPES)}.")


def check_type(quant_type: str) -> str:
    """The canonical name of a type that can be made now.

    Raises:
        RefusedError: Unknown, or it needs an importance matrix.
    """
    name = canonical_type(quant_type)
    if name in IMATRIX_TYPES:
        raise RefusedError(
            f"{name} needs an importance matrix: without one its output would be garbage.",
            "Choose Q2_K or Q3_K_M instead; both do without.",
        )
    return name


def default_type(parameters: int | None) -> str:
    """What to preselect: Q8_0 for models so small that 4 bits cost much, else Q4_K_M."""
    return "Q8_0" if parameters is not None and parameters < _SMALL_MODEL else "Q4_K_M"
