"""What a model makes a machine do: bytes to read and operations to compute, by block and type of weights."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from garden.fit.model_shape import Layer, ModelShape, counts, shape_of, whole
from garden.fit.per_header import PerHeader
from garden.gguf.header import MAX_BLOCKS, GgufHeader, TensorInfo
from garden.gguf.tensor_type import TENSOR_TYPES, TYPES_BY_NAME, TensorType

_BLOCK = re.compile(r"blk\.(\d+)\.")

#: Routed experts: three-dimensional, only some are read per token.
_EXPERTS = re.compile(r"\.ffn_(?:up|down|gate|gate_up)_(?:ch)?exps\.")

#: Types that a header may stand for that does not name its own: those of the usual mixtures.
_USUAL = tuple(
    kind
    for kind in TENSOR_TYPES.values()
    if kind.name in ("F32", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q3_K", "Q2_K", "IQ2_XXS", "IQ1_S")
)


@dataclass(frozen=True, slots=True)
class Matrices:
    """Matrices of one type, or what is computed with them per token.

    Attributes:
        bytes: Read for one token; of experts those used.
        operations: Multiplications and additions for one token.
        values: Values that go in and come out for one token.
        prompt_operations: The same for one token of a prompt; the engine leaves out what no later token asks for.
        prompt_values: Likewise.
        rows: Values that come out for one token.
    """

    bytes: float = 0.0
    operations: float = 0.0
    values: float = 0.0
    prompt_operations: float = 0.0
    prompt_values: float = 0.0
    rows: float = 0.0

    def __add__(self, other: Matrices) -> Matrices:
        """The sum of both."""
        return Matrices(
            self.bytes + other.bytes,
            self.operations + other.operations,
            self.values + other.values,
            self.prompt_operations + other.prompt_operations,
            self.prompt_values + other.prompt_values,
            self.rows + other.rows,
        )


@dataclass(frozen=True, slots=True)
class BlockWork:
    """One block, or the output layer.

    Attributes:
        matrices: By type of their weights.
        experts: Those of routed experts, likewise.
        placed: What a placement moved to the processor; itself without attention.
        heads: Query heads; 0 without attention.
        head_values: Values of K and V over all of them, per token in the cache.
        k_values: Values of K per token in the cache.
        v_values: Values of V per token in the cache.
        window: Tokens that are attended to at most; 0 for all.
        state_values: Values of a recurrent state, read and written for each token.
        scanned_values: Those of them that fade at a rate of their own, an exponential each and token (Mamba's first
            generation); later ones have one rate per head.
    """

    matrices: Mapping[str, Matrices] = field(default_factory=lambda: MappingProxyType({}))
    experts: Mapping[str, Matrices] = field(default_factory=lambda: MappingProxyType({}))
    placed: BlockWork | None = None
    heads: int = 0
    head_values: int = 0
    k_values: int = 0
    v_values: int = 0
    window: int = 0
    state_values: int = 0
    scanned_values: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """One model.

    Attributes:
        blocks: Those that run, in order.
        output: The output layer.
        vocabulary: Entries to choose a token from.
    """

    blocks: tuple[BlockWork, ...]
    output: BlockWork
    vocabulary: int


def work_of(header: GgufHeader, placement: tuple[tuple[str, str], ...] = ()) -> Work:
    """Count the work.

    Args:
        header: Of the file, or of all shards joined.
        placement: ``LoadParameters.tensor_placement``; what goes to ``CPU`` is counted apart.
    """
    return _counted(header, placement) if placement else _plain(header)


def _counted(header: GgufHeader, placement: tuple[tuple[str, str], ...] = ()) -> Work:
    shape = shape_of(header)
    last = len(shape.layers) - 1
    used = _used_share(header)
    patterns = [re.compile(pattern) for pattern, device in placement if device == "CPU" and _compiles(pattern)]
    here, moved = ([_Sums() for _ in range(last + 2)] for _ in range(2))
    embedding: TensorInfo | None = None
    has_output = False
    for tensor in header.tensors:
        match = _BLOCK.match(tensor.name)
        number = int(match[1]) if match else last + 1
        if tensor.name == "token_embd.weight":
            embedding = tensor
        has_output = has_output or tensor.name == "output.weight"
        if number > last + (match is None) or (match is None and not tensor.name.startswith("output")):
            continue
        # Of the last block and the output, only the last token's row goes on after attention.
        alone = match is None or (number == last and ".ffn_" in tensor.name)
        if tensor.name.endswith(".ssm_a") and len(tensor.shape) > 1 and tensor.shape[0] > 1:
            here[number].scanned_values = tensor.elements
        sums = moved if any(pattern.search(tensor.name) for pattern in patterns) else here
        if _EXPERTS.search(tensor.name):
            _add(sums[number].experts, tensor, used, alone)
        else:
            _add(sums[number].matrices, tensor, 1.0, alone)
    if embedding is not None and not has_output:
        _add(here[-1].matrices, embedding, 1.0, True)
    layers = [_block(shape, layer, own) for layer, own in zip(shape.layers, here, strict=False)]
    blocks = [
        dataclasses.replace(block, placed=other.work() if other else None)
        for block, other in zip([*layers, here[-1].work()], moved, strict=True)
    ]
    return Work(tuple(blocks[:-1]), blocks[-1], shape.vocabulary)


class _Sums:
    """Matrices of one block, by type."""

    def __init__(self) -> None:
        self.matrices: dict[str, Matrices] = {}
        self.experts: dict[str, Matrices] = {}
        self.scanned_values = 0

    def __bool__(self) -> bool:
        return bool(self.matrices or self.experts)

    def work(self) -> BlockWork:
        """A block of nothing else."""
        return BlockWork(
            matrices=MappingProxyType(self.matrices),
            experts=MappingProxyType(self.experts),
            scanned_values=self.scanned_values,
        )


_plain = PerHeader(_counted)


def _add(sums: dict[str, Matrices], tensor: TensorInfo, share: float, alone: bool) -> None:
    """Count one matrix; vectors cost next to nothing, and it is in what a block costs anyhow."""
    if len(tensor.shape) < 2 or min(tensor.shape[:2]) < 2:
        return
    count = tensor.shape[2] if len(tensor.shape) > 2 else 1
    operations = 2.0 * tensor.elements * share
    values = float((tensor.shape[0] + tensor.shape[1]) * count) * share
    read = tensor.size_bytes * share
    rows = float(tensor.shape[1] * count) * share
    added = Matrices(read, operations, values, 0.0 if alone else operations, 0.0 if alone else values, rows)
    kind = type_of(tensor)
    sums[kind] = sums[kind] + added if kind in sums else added


def type_of(tensor: TensorInfo) -> str:
    """Type of a tensor's weights; of one whose size was estimated, the usual type of that many bits."""
    kind = TYPES_BY_NAME.get(tensor.ggml_type)
    if kind is not None and kind.size_of(tensor.elements) == tensor.size_bytes:
        return kind.name
    each = tensor.size_bytes / max(1, tensor.elements)

    def distance(other: TensorType) -> float:
        return abs(other.block_bytes / other.block_size - each)

    return min(_USUAL, key=distance).name


def _block(shape: ModelShape, layer: Layer, own: _Sums) -> BlockWork:
    attends = bool(layer.heads) and not (layer.recurrent and not layer.k_width)
    k_length, v_length = _head_lengths(shape, layer)
    return dataclasses.replace(
        own.work(),
        heads=layer.heads if attends else 0,
        head_values=layer.heads * (k_length + v_length) if attends else 0,
        k_values=layer.k_width + layer.index_width,
        v_values=layer.v_width + layer.index_v_width,
        window=shape.window if layer.slides else 0,
        state_values=shape.state_values if layer.recurrent else 0,
    )


def _head_lengths(shape: ModelShape, layer: Layer) -> tuple[int, int]:
    """Values of K and V that one query head works with."""
    if shape.latent:
        # Heads share one latent vector, which is K; V is its part without the rotation.
        return layer.k_width, min(layer.k_width, shape.value_length or layer.k_width)
    return shape.key_length, shape.value_length


def _used_share(header: GgufHeader) -> float:
    count = whole(header, "expert_count")
    used = max(counts(header, "expert_used_count", MAX_BLOCKS))
    return min(1.0, used / count) if count and used else 1.0


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False  # the engine refuses it with a sentence of its own
    return True
