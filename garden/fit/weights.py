"""Bytes of the weights in memory, by where the engine puts them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from garden.fit.model_shape import counts, whole
from garden.gguf.header import MAX_BLOCKS, GgufHeader, TensorInfo

#: Tensors in a CPU buffer are aligned to it.
_ALIGNMENT = 32

#: Routed experts: three-dimensional, only some are read per token.
_EXPERTS = re.compile(r"\.ffn_(?:up|down|gate|gate_up)_(?:ch)?exps\.")

#: Patterns that cannot match a digit: they treat blocks that are alike alike, whatever their numbers.
_NUMBERLESS = re.compile(r"(?:[A-Za-z_()|]|\\\.)*")

#: Patterns that begin with the numbers of blocks and go on without a digit (``experts_on_cpu``).
_NUMBERED = re.compile(r"blk\\\.\(([0-9]+(?:\|[0-9]+)*)\)\\\.(?:[A-Za-z_]|\\\.|\([A-Za-z_|]*\))*")

#: Architectures that create the output matrix before the embedding, so that the loader finds none to share.
_TIED_TWICE = frozenset({"gemma3n", "gemma4"})

#: Types whose matrices the CPU backend rearranges on machines with these features (``ggml-cpu/repack.cpp``).
_REPACKED = {
    "Q4_0": ("avx2", "dotprod", "i8mm"),
    "Q4_K": ("avx2", "dotprod", "i8mm"),
    "IQ4_NL": ("avx2", "dotprod"),
    "MXFP4": ("avx2", "dotprod"),
    "Q2_K": ("avx512",),
    "Q5_K": ("dotprod", "i8mm"),
    "Q6_K": ("dotprod", "i8mm"),
    "Q8_0": ("dotprod", "i8mm"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Bytes of the weights that the engine loads.

    Attributes:
        input_bytes: Embeddings of tokens; always in RAM.
        blocks: Per block, in order; 0 for blocks that the engine leaves out.
        experts: The part of each block that is routed experts.
        output_bytes: Output norm and matrix.
        tied_bytes: The embedding when it is the output matrix as well: a second copy wherever the two cannot share
            a buffer.
        tied_type: Type of that matrix.
        tied_twice: Whether the engine makes a second copy even where it could share one.
        placed: Bytes that a tensor placement moved to a named device, not counted above.
        placed_read: What decoding one token reads of those, by device.
        used_share: Share of the routed experts that a token reads.
        largest_matrix: The largest matrix of a block.
    """

    input_bytes: int
    blocks: tuple[int, ...]
    experts: tuple[int, ...]
    output_bytes: int
    tied_bytes: int = 0
    tied_type: str = ""
    tied_twice: bool = False
    placed: tuple[tuple[str, int], ...] = ()
    placed_read: tuple[tuple[str, int], ...] = ()
    used_share: float = 1.0
    largest_matrix: int = 0

    @property
    def unmoved_bytes(self) -> int:
        """What stays in RAM when all layers are on GPUs, at most."""
        return self.input_bytes + self.output_bytes + self.tied_bytes + sum(size for _device, size in self.placed)

    def copies_tied_in_ram(self, features: Iterable[str], *, repack: bool) -> bool:
        """Whether the CPU backend holds a tied embedding twice: always, or once rearranged for multiplication."""
        if not self.tied_bytes:
            return False
        return self.tied_twice or (repack and self.tied_type in repacked_types(features))


def repacked_types(features: Iterable[str]) -> frozenset[str]:
    """Types whose matrices the CPU backend rearranges on a machine with these instruction sets."""
    there = set(features)
    return frozenset(name for name, wanted in _REPACKED.items() if not there.isdisjoint(wanted))


def weights_of(header: GgufHeader, placement: tuple[tuple[str, str], ...] = ()) -> Weights:
    """Sort the tensors of a header by where they go.

    Blocks for multi-token prediction are left out: llama.cpp skips them unless it is asked to draft with them.

    Args:
        header: Of the file, or of all shards joined.
        placement: ``LoadParameters.tensor_placement``.
    """
    blocks = min(whole(header, "block_count"), MAX_BLOCKS)
    runs = blocks - min(whole(header, "nextn_predict_layers"), blocks)
    sizes, experts = [0] * blocks, [0] * blocks
    input_bytes = output_bytes = largest = 0
    used = _used_share(header)
    placed: dict[str, int] = {}
    placed_read: dict[str, float] = {}
    patterns = _compiled(placement)
    alike: dict[object, _BlockBytes] = {}
    for number, tensors in header.tensors_by_block.items():
        if number >= runs:
            continue
        # Most blocks are alike and counted once, unless a pattern tells them apart.
        kind = (header.first_alike[number], *[pattern.seen_in(number) for pattern in patterns])
        if kind not in alike:
            alike[kind] = _block_bytes(tensors, patterns)
        block = alike[kind]
        sizes[number], experts[number] = block.size, block.experts
        largest = max(largest, block.largest)
        for where, bytes_, is_experts in block.moved:
            placed[where] = placed.get(where, 0) + bytes_
            placed_read[where] = placed_read.get(where, 0.0) + bytes_ * (used if is_experts else 1.0)
    for tensor in header.tensors_outside_blocks:
        size = _in_memory(tensor)
        device = _device_of(tensor.name, patterns)
        if device is not None:
            placed[device] = placed.get(device, 0) + size
            if tensor.name.startswith("output"):
                placed_read[device] = placed_read.get(device, 0.0) + size
        elif tensor.name.startswith("output"):
            output_bytes += size
        else:
            input_bytes += size
    others = {tensor.name: tensor for tensor in header.tensors_outside_blocks}
    tied = others.get("token_embd.weight") if "output.weight" not in others else None
    return Weights(
        input_bytes=input_bytes,
        blocks=tuple(sizes),
        experts=tuple(experts),
        output_bytes=output_bytes,
        tied_bytes=_in_memory(tied) if tied else 0,
        tied_type=tied.ggml_type if tied else "",
        tied_twice=header.architecture in _TIED_TWICE,
        placed=tuple(placed.items()),
        placed_read=tuple((where, round(bytes_)) for where, bytes_ in placed_read.items()),
        used_share=used,
        largest_matrix=largest,
    )


class _BlockBytes(NamedTuple):
    """Bytes of one block that stay with it, the part of them that is routed experts, its largest tensor, the rest.

    The rest is by tensor: where it goes, its bytes, whether it is routed experts.
    """

    size: int
    experts: int
    largest: int
    moved: tuple[tuple[str, int, bool], ...]


def _block_bytes(tensors: Mapping[str, TensorInfo], patterns: Sequence[_Pattern]) -> _BlockBytes:
    total = experts = largest = 0
    moved = []
    for tensor in tensors.values():
        name, size = tensor.name, -(-tensor.size_bytes // _ALIGNMENT) * _ALIGNMENT
        largest = max(largest, size)
        is_experts = "exps." in name and _EXPERTS.search(name) is not None
        for pattern in patterns:
            if pattern.search(name):
                moved.append((pattern.device, size, is_experts))
                break
        else:
            total += size
            if is_experts:
                experts += size
    return _BlockBytes(total, experts, largest, tuple(moved))


def _in_memory(tensor: TensorInfo) -> int:
    return -(-tensor.size_bytes // _ALIGNMENT) * _ALIGNMENT


def bytes_read_per_token(weights: Weights) -> int:
    """Bytes of weights that decoding one token reads, wherever they lie.

    No untied embedding, and of the experts only those used.
    """
    experts = sum(weights.experts)
    dense = sum(weights.blocks) - experts + weights.output_bytes + weights.tied_bytes
    return round(dense + experts * weights.used_share) + sum(read for _device, read in weights.placed_read)


def _used_share(header: GgufHeader) -> float:
    count = whole(header, "expert_count")
    used = max(counts(header, "expert_used_count", MAX_BLOCKS))
    return min(1.0, used / count) if count and used else 1.0


def _device_of(name: str, patterns: Sequence[_Pattern]) -> str | None:
    return next((pattern.device for pattern in patterns if pattern.search(name)), None)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern of a tensor placement.

    Attributes:
        search: Looks for it in a name.
        device: Where it sends tensors.
        numbers: Of the blocks that it names, None when it may name any.
        numberless: Whether it treats all blocks alike.
    """

    search: Callable[[str], object]
    device: str
    numbers: frozenset[int] | None
    numberless: bool

    def seen_in(self, number: int) -> object:
        """The same for two blocks whose tensors of one name it treats alike."""
        if self.numberless:
            return None
        return number if self.numbers is None else number in self.numbers


def _compiled(placement: tuple[tuple[str, str], ...]) -> list[_Pattern]:
    found = []
    for pattern, device in placement:
        try:
            search = re.compile(pattern).search
        except re.error:
            continue  # the engine refuses it with a sentence of its own
        named = _NUMBERED.fullmatch(pattern)
        numbers = frozenset(map(int, named[1].split("|"))) if named else None
        found.append(_Pattern(search, device, numbers, _NUMBERLESS.fullmatch(pattern) is not None))
    return found
