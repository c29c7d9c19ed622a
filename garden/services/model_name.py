"""What a model is called, without what says only how it is stored."""

from __future__ import annotations

from garden.gguf.quant_name import quant_type_of
from garden.gguf.shard_set import shard_of


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
