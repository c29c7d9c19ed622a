"""The list of tensors in a header."""

from __future__ import annotations

import math
from dataclasses import dataclass

from garden.core.errors import InvalidFileError
from garden.gguf.header_cursor import MAX_NAME_BYTES, HeaderCursor
from garden.gguf.tensor_type import TENSOR_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """One tensor as the header lists it.

    Attributes:
        name: E.g. ``blk.0.attn_q.weight``.
        shape: GGML's order: the row length first.
        ggml_type: E.g. ``Q4_K``.
        offset: From the start of the data.
        size_bytes: Bytes of its data, without padding.
    """

    name: str
    shape: tuple[int, ...]
    ggml_type: str
    offset: int
    size_bytes: int

    @property
    def elements(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


def read_tensors(cursor: HeaderCursor, count: int, alignment: int) -> tuple[TensorInfo, ...]:
    """The next ``count`` tensors: each begins where the one before ends, and no name comes twice.

    Raises:
        InvalidFileError: The list is damaged.
    """
    tensors: list[TensorInfo] = []
    names: set[str] = set()
    offset = 0
    for _ in range(count):
        tensor = read_tensor(cursor)
        # The engine refuses any other place (``gguf.cpp``): tensors that overlap, or gaps.
        if tensor.offset != offset or tensor.name in names:
            raise cursor.damaged(f"tensor {tensor.name[:64]!r} at {tensor.offset}, expected another at {offset}")
        names.add(tensor.name)
        tensors.append(tensor)
        offset += padded(tensor.size_bytes, alignment)
    return tuple(tensors)


def read_tensor(cursor: HeaderCursor) -> TensorInfo:
    """The next tensor.

    Raises:
        InvalidFileError: Its record is damaged.
    """
    name = cursor.string(MAX_NAME_BYTES)
    n_dimensions = cursor.uint32()
    if not 1 <= n_dimensions <= 4:
        raise cursor.damaged(f"a tensor with {n_dimensions} dimensions")
    shape = cursor.uint64s(n_dimensions)
    number, offset = cursor.uint32(), cursor.uint64()
    kind = TENSOR_TYPES.get(number)
    if kind is None:
        raise InvalidFileError(
            f"This file holds weights of a type that the engine does not know (number {number}).",
            "Choose another file of this model.",
        )
    elements = math.prod(shape)
    if not 0 < elements < 2**48 or shape[0] % kind.block_size:
        raise cursor.damaged(f"tensor {name[:64]!r} of shape {shape} and type {kind.name}")
    size_bytes = kind.size_of(elements)
    return TensorInfo(name=name, shape=shape, ggml_type=kind.name, offset=offset, size_bytes=size_bytes)


def padded(size_bytes: int, alignment: int) -> int:
    """The size with what follows up to the next multiple of the alignment."""
    return -(-size_bytes // alignment) * alignment
