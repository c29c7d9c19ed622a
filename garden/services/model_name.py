"""What a model is called, without what says only how it is stored."""

from __future__ import annotations

from collections.abc import Sequence

from garden.gguf.quant_name import quant_type_of
from garden.gguf.shard_set import shard_of

#: Names of files and folders that name no model.
_NO_NAMES = frozenset({"model", "ggml-model", "models", "gguf", "weights", "downloads", "files", "snapshots", "main"})

#: A longer name is none.
_LONGEST = 96


def display_name(stem: str) -> str:
    """A model's name without what says only how it is stored: ``Qwen3-8B-GGUF``, ``Qwen3-8B-Q4_K_M`` → ``Qwen3-8B``."""
    shard = shard_of(f"{stem}.gguf")
    name = shard[0] if shard else stem
    for ending in ("-GGUF", "-gguf", "_GGUF", ".gguf"):
        name = name.removesuffix(ending)
    quant = quant_type_of(f"{name}.gguf")
    if quant and name.upper().endswith(quant):
        name = name[: -len(quant)].rstrip("-._") or name
    return name


def says_only_how(name: str) -> bool:
    """Whether a name tells nothing but how a model is stored: ``Q2_K``, ``model-f16``, ``ggml-model-Q4_0``."""
    rest = display_name(name)
    return quant_type_of(f"{rest}.gguf") == rest.upper() or rest.lower() in _NO_NAMES


def telling_name(stem: str, given: str | None, folders: Sequence[str]) -> str:
    """A model's name from its file's; where that says only how it is stored, from what else names it.

    Args:
        stem: Of the file.
        given: ``general.name`` of its header, None without one.
        folders: Around the file, the nearest first.
    """
    if not says_only_how(stem):
        return display_name(stem)
    told = " ".join((given or "").split())[:_LONGEST].strip()
    if told and told.isprintable() and not says_only_how(told):
        return display_name(told)
    named = next((folder for folder in folders if folder and not says_only_how(folder)), "")
    return display_name(named) if named else display_name(stem)
