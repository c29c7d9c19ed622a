"""Sliced twins: a model with only its first blocks, and what two of them tell of all of it.

A block costs the same wherever it stands, so that from a twin of k1 blocks and one of k2 follows what the rest costs.
Blocks come in patterns (full attention after five that slide, experts after dense ones, attention after recurrent
ones), and the two differ by whole patterns. Mixtures give some blocks more bits than others: times are shared out by
the bytes that blocks read, and those of prompts by what they compute.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass

from garden.core.errors import RefusedError
from garden.fit.work import BlockWork, Matrices, work_of
from garden.gguf.header import MAX_BLOCKS, GgufHeader, TensorInfo, Value

_BLOCK = re.compile(r"blk\.(\d+)\.")

#: Fewer blocks than this are over before their weights have left the caches.
_FEWEST = 4

#: A pattern longer than this is none.
_LONGEST_PATTERN = 16

#: Counts of blocks that a twin has fewer of, or none.
_COUNTS = ("block_count", "leading_dense_block_count")
_LEFT_OUT = ("nextn_predict_layers", "attention.shared_kv_layers")

#: Of an embedding that is not the output matrix as well, so much is filled; tokens are drawn from there.
_FILLED_EMBEDDING = 1 / 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """How to slice a model.

    Attributes:
        first: Blocks of the smaller twin.
        second: Blocks of the larger one; the same number when that is all there are.
        tokens: Tokens with these numbers, from 0, have an embedding in the twins.
    """

    first: int
    second: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinTimes:
    """What one twin took, in seconds.

    Attributes:
        token: Per token of an answer.
        prompt: For the prompt.
    """

    token: float
    prompt: float


def slices_of(header: GgufHeader, room_bytes: int) -> Slices:
    """Choose twins that fit.

    Args:
        header: Of the file, with the true type of every tensor.
        room_bytes: Both twins together may take so much.

    Raises:
        RefusedError: Not even the smallest twins fit, or there is nothing to slice.
    """
    blocks = work_of(header).blocks
    if not blocks:
        raise RefusedError("This file has no blocks to measure.", "Choose another file.")
    lead, pattern = _pattern(blocks)
    needed = 0
    for fewest in (_FEWEST, 2, 1):
        step = pattern * -(-fewest // pattern)
        first = min(lead + step, len(blocks))
        second = min(first + step, len(blocks))
        if second == len(blocks):
            # Two twins of which one is the whole are more than the whole.
            first = second
        needed = sum(_bytes_of(header, count) for count in {first, second})
        if needed <= room_bytes:
            tied = not any(tensor.name == "output.weight" for tensor in header.tensors)
            vocabulary = header.vocab_size or 1
            return Slices(
                first=first,
                second=second,
                tokens=vocabulary if tied else max(1, int(vocabulary * _FILLED_EMBEDDING)),
            )
    raise RefusedError(
        f"Measuring this model takes {needed / 1e9:.1f} GB of memory even with {lead + 2 * pattern} of its blocks; "
        f"{room_bytes / 1e9:.1f} GB can be used.",
        "Unload models or close other programs, or measure the machine instead.",
    )


def sliced(header: GgufHeader, blocks: int) -> GgufHeader:
    """The header of a twin with the first blocks only."""
    prefix = f"{header.architecture}."
    count = header.block_count or 0
    metadata: dict[str, Value] = {}
    for key, value in header.metadata.items():
        name = key.removeprefix(prefix) if key.startswith(prefix) else ""
        if name in _LEFT_OUT:
            continue
        if name in _COUNTS and isinstance(value, int):
            metadata[key] = min(value, blocks)
        elif name and isinstance(value, tuple) and len(value) == count:
            metadata[key] = value[:blocks]
        else:
            metadata[key] = value
    tensors = tuple(tensor for tensor in header.tensors if _number(tensor) < blocks)
    return dataclasses.replace(
        header,
        metadata=metadata,
        tensors=tensors,
        data_bytes=sum(-(-tensor.size_bytes // header.alignment) * header.alignment for tensor in tensors),
    )


def filled_share(header: GgufHeader) -> Callable[[TensorInfo], float]:
    """Which share of each tensor gets weights: all of it, but of an embedding that is only looked up."""
    tied = not any(tensor.name == "output.weight" for tensor in header.tensors)

    def share(tensor: TensorInfo) -> float:
        return _FILLED_EMBEDDING if tensor.name == "token_embd.weight" and not tied else 1.0

    return share


def whole_times(header: GgufHeader, slices: Slices, first: TwinTimes, second: TwinTimes) -> TwinTimes:
    """What the whole model takes, from what its two twins took."""
    blocks = work_of(header).blocks
    between, rest = blocks[slices.first : slices.second], blocks[slices.first :]
    if not between:
        return second
    token = max(second.token - first.token, 0.0) * _ratio(rest, between, _read)
    # The last block of a prompt goes on with one row behind attention, in a twin as in the whole.
    prompt = max(second.prompt - first.prompt, 0.0) * _ratio(rest, between, _computed)
    return TwinTimes(token=first.token + token, prompt=first.prompt + prompt)


def _pattern(blocks: tuple[BlockWork, ...]) -> tuple[int, int]:
    """Blocks before a pattern begins, and its length."""
    kinds = [
        (block.heads, block.k_values, block.window > 0, block.state_values > 0, bool(block.experts)) for block in blocks
    ]
    lead = next((number for number, kind in enumerate(kinds) if kind[-1] == kinds[-1][-1]), 0)
    rest = kinds[lead:]
    for length in range(1, min(len(rest), _LONGEST_PATTERN) + 1):
        if all(here == there for here, there in zip(rest, rest[length:], strict=False)):
            return lead, length
    return lead, 1


def _bytes_of(header: GgufHeader, blocks: int) -> int:
    return sum(tensor.size_bytes for tensor in header.tensors if _number(tensor) < blocks)


def _number(tensor: TensorInfo) -> int:
    """Number of a tensor's block, −1 outside of blocks."""
    match = _BLOCK.match(tensor.name)
    return min(int(match[1]), MAX_BLOCKS) if match else -1


def _ratio(rest: tuple[BlockWork, ...], between: tuple[BlockWork, ...], cost: Callable[[Matrices], float]) -> float:
    def total(blocks: tuple[BlockWork, ...]) -> float:
        return sum(
            cost(matrices) for block in blocks for part in (block.matrices, block.experts) for matrices in part.values()
        )

    measured = total(between)
    return total(rest) / measured if measured else len(rest) / len(between)


def _read(matrices: Matrices) -> float:
    return matrices.bytes


def _computed(matrices: Matrices) -> float:
    return matrices.operations
