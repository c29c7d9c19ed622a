"""Files that run for real and say nothing: a header, random weights where they matter, holes for the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from garden.core.errors import DiskFullError
from garden.gguf.header import GgufHeader, TensorInfo
from garden.gguf.hollow_file import hollow_header, make_sparse
from garden.gguf.random_weights import can_be_made, random_weights

#: Weights are written in pieces of about this size.
_PIECE_BYTES = 4 * 1024 * 1024

_ONE = b"\x00\x00\x80\x3f"


def write_filled_file(
    header: GgufHeader, path: Path, filled: Callable[[TensorInfo], float], *, cancelled: Callable[[], bool] = bool
) -> int:
    """Write a file over whatever is at ``path``. Vectors named ``…norm.weight`` are ones, so that all is heard.

    Args:
        header: As for a hollow file; the vocabulary is left out.
        path: Where to.
        filled: Share of a tensor, from its start, that gets random weights; the rest is a hole that reads as zeros.
        cancelled: Looked at between pieces; True leaves an unfinished file.

    Returns:
        The size that the file claims to have.

    Raises:
        InvalidFileError: See ``write_hollow_file``.
        DiskFullError: It cannot be written there.
    """
    head, size_bytes = hollow_header(header)
    try:
        with path.open("wb") as file:
            make_sparse(file)
            file.write(head)
            file.truncate(size_bytes)
            offset = len(head)
            for tensor in header.tensors:
                file.seek(offset)
                if not _fill(file, tensor, filled(tensor), cancelled):
                    break
                offset += -(-tensor.size_bytes // header.alignment) * header.alignment
    except OSError as error:
        path.unlink(missing_ok=True)
        raise DiskFullError(
            f"A model of {size_bytes:,} bytes to measure with could not be written.",
            "Free some space, or choose another cache folder with GARDEN_CACHE_DIR.",
            str(error),
        ) from error
    return size_bytes


def _fill(file: IO[bytes], tensor: TensorInfo, share: float, cancelled: Callable[[], bool]) -> bool:
    """Write the weights of one tensor; False when cancelled."""
    if len(tensor.shape) == 1 and tensor.ggml_type == "F32" and "norm" in tensor.name:
        file.write(_ONE * tensor.elements)
        return True
    left = round(tensor.size_bytes * min(1.0, share))
    if left <= 0 or not can_be_made(tensor.ggml_type):
        return True
    blocks = random_weights(tensor.ggml_type)
    piece = blocks * max(1, _PIECE_BYTES // len(blocks))
    while left > 0:
        if cancelled():
            return False
        file.write(piece[:left])
        left -= len(piece)
    return True
