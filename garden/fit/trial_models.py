"""Models that a machine is measured with."""

from __future__ import annotations

import dataclasses
import math

from garden.core.quantity import MIB
from garden.fit.calibrated_speed import CLOSE_ROW, HALF_ROW, NARROW_HEAD, WIDE_HEAD, WIDE_ROW, total
from garden.fit.work import BlockWork, work_of
from garden.gguf.made_up_model import Experts, MadeUpModel
from garden.gguf.tensor_type import TYPES_BY_NAME

#: Weights that are read for a token lie in memory, not in a cache: so many bytes at least, and so many caches full.
_LEAST_BYTES, _MOST_BYTES, _CACHES = 128 * MIB, 400 * MIB, 3

#: The same of narrow matrices, whose rows count for as much.
_LEAST_NARROW_BYTES = 96 * MIB

#: The most usual first: what is not measured in time is left out.
TYPES = (
    "Q4_0", "Q4_K", "Q6_K", "Q8_0", "F16", "Q5_K", "Q3_K", "Q5_0", "Q4_1", "IQ4_XS", "BF16", "Q2_K", "MXFP4", "IQ4_NL",
    "IQ3_S", "IQ3_XXS", "IQ2_S", "IQ2_XXS", "Q5_1", "F32", "IQ2_XS", "IQ1_S", "IQ1_M", "TQ2_0",
)  # fmt: skip

#: So many of them are in nearly every file, that of the starter model and those that narrow matrices fall back to among
#: them: prompts of Q5_0 are read more than twice as fast as those of Q4_1, which looks like it.
USUAL_TYPES = 11

#: Types of the cache; other quantized ones count as the last.
CACHE_TYPES = ("f16", "q8_0")

#: Tokens of a prompt that matrices are timed with: enough that unpacking them no longer counts.
PROMPT_TOKENS = 128

#: Depths that tell what attention costs, and the prompt that tells it of prompts.
DEPTHS = (128, 1_152)
LONG_PROMPT_TOKENS = 512

_SMALL = MadeUpModel(width=256, feed_forward=512, heads=4, kv_heads=2, blocks=4, vocabulary=256, weights="Q4_0")
#: What a token costs beside its blocks is what is left of a small model. What a block costs beside its matrices is told
#: by one with many, of real width, whose steps take turns with those of one that reads as much in two (``flat``):
#: threads that work for long at a time wait for each other for longer.
SHALLOW = _SMALL
DEEP = MadeUpModel(width=768, feed_forward=2048, heads=12, kv_heads=4, blocks=28, vocabulary=256, weights="Q4_0")
#: Of a flat one.
FLAT_BLOCKS = 2

#: Timed beside all others, to see how well the device does; it fits into caches, and computes.
REFERENCE = MadeUpModel(width=512, feed_forward=1536, heads=8, kv_heads=2, blocks=4, vocabulary=256, weights="Q4_0")

#: Its choice of a token is timed.
MANY_WORDS = dataclasses.replace(_SMALL, blocks=1, vocabulary=131_072)

#: As many values in twice as many heads; rows of both caches are narrow, so that heads read what lies close.
WIDE_HEADS = MadeUpModel(
    width=1024, feed_forward=256, heads=8, kv_heads=CLOSE_ROW // WIDE_HEAD, blocks=2, vocabulary=256, weights="Q4_0"
)
NARROW_HEADS = dataclasses.replace(WIDE_HEADS, heads=16, kv_heads=CLOSE_ROW // NARROW_HEAD)
#: The same heads with wide rows, in caches that fill the processor's own and more, as those of real models do.
IN_ROWS = (
    dataclasses.replace(WIDE_HEADS, kv_heads=WIDE_ROW // WIDE_HEAD, blocks=8),
    dataclasses.replace(WIDE_HEADS, kv_heads=HALF_ROW // WIDE_HEAD, blocks=8),
    dataclasses.replace(NARROW_HEADS, kv_heads=WIDE_ROW // NARROW_HEAD, blocks=8),
    dataclasses.replace(NARROW_HEADS, kv_heads=HALF_ROW // NARROW_HEAD, blocks=8),
)

#: Matrices of experts are gathered first, and each reads few of a prompt's tokens: 32 of 128, as real ones of a batch.
WITH_EXPERTS = MadeUpModel(
    width=1024,
    feed_forward=2048,
    heads=8,
    kv_heads=2,
    blocks=4,
    vocabulary=256,
    weights="Q4_K",
    experts=Experts(count=32, used=8, width=512),
)
EXPERTS_TYPE = "Q4_K"

#: Of these prompts are timed alone, the most usual first, as long as there is time.
EXPERTS_TYPES = (
    "Q6_K", "Q8_0", "MXFP4", "Q5_K", "Q3_K", "IQ4_XS", "Q4_0", "F16", "Q2_K", "BF16", "Q5_0", "IQ4_NL", "Q4_1", "IQ3_S",
    "IQ3_XXS", "IQ2_S", "IQ2_XXS", "Q5_1", "IQ2_XS",
)  # fmt: skip

#: Their experts: as many tokens each, in smaller files.
_FEW_EXPERTS = Experts(count=8, used=2, width=512)

#: Its states take most of its time.
WITH_STATE = MadeUpModel(
    width=512, feed_forward=0, heads=1, kv_heads=1, blocks=6, vocabulary=256, weights="Q4_0", state=16
)

#: Forecast and timed, to see how far forecasts are off: mixtures in shapes between those that were measured.
CHECKS = (
    MadeUpModel(
        width=768, feed_forward=2048, heads=12, kv_heads=4, blocks=12, vocabulary=32_768,
        weights="Q4_K", ffn_down="Q6_K", output="Q6_K",
    ),
    MadeUpModel(width=1536, feed_forward=4096, heads=12, kv_heads=2, blocks=4, vocabulary=32_768, weights="Q8_0"),
    MadeUpModel(
        width=3072, feed_forward=8192, heads=24, kv_heads=8, blocks=2, vocabulary=16_384,
        weights="Q4_0", output="Q6_K",
    ),
)  # fmt: skip


def narrow(kind: str, cache_bytes: int = 0) -> MadeUpModel:
    """A model whose matrices are narrow: those of its last block have many short rows, and lie in no cache.

    Args:
        kind: Type of its weights.
        cache_bytes: Size of the processor's last cache, 0 when unknown.
    """
    model = MadeUpModel(width=512, feed_forward=1536, heads=8, kv_heads=2, blocks=6, vocabulary=256, weights=kind)
    return _larger(model, max(_LEAST_NARROW_BYTES, _CACHES * cache_bytes))


def wide(kind: str, cache_bytes: int = 0) -> MadeUpModel:
    """A model whose matrices are wide, the last ones so much that its weights lie in no cache.

    Prompts are not slower for it: behind attention the last block goes on with one row only.

    Args:
        kind: Type of its weights.
        cache_bytes: Size of the processor's last cache, 0 when unknown.
    """
    model = MadeUpModel(width=2048, feed_forward=5632, heads=16, kv_heads=4, blocks=2, vocabulary=256, weights=kind)
    return _larger(model, max(_LEAST_BYTES, _CACHES * cache_bytes))


def with_experts(kind: str) -> MadeUpModel:
    """A model with experts of one type, of which each reads as many of a prompt's tokens as real ones do of a batch."""
    if kind == EXPERTS_TYPE:
        return WITH_EXPERTS
    return dataclasses.replace(WITH_EXPERTS, weights=kind, blocks=2, experts=_FEW_EXPERTS)


def flat(model: MadeUpModel) -> MadeUpModel:
    """A model that reads as many bytes as another one, in two blocks of the same width."""
    read = sum(matrices.bytes for matrices in total(blocks_of(model)).values())
    return _larger(dataclasses.replace(model, blocks=FLAT_BLOCKS), math.floor(read))


def _larger(model: MadeUpModel, least: int) -> MadeUpModel:
    """The model with a last block that makes it so large."""
    kind = TYPES_BY_NAME[model.weights]
    missing = min(least, _MOST_BYTES) - sum(matrices.bytes for matrices in total(blocks_of(model)).values())
    columns = math.ceil(missing / (3 * kind.size_of(model.width)) / 256)
    return dataclasses.replace(model, last_feed_forward=model.feed_forward + max(0, columns) * 256)


def blocks_of(model: MadeUpModel) -> tuple[BlockWork, ...]:
    """Its blocks, and the output layer."""
    work = work_of(model.header())
    return (*work.blocks, work.output)
