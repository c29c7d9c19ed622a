"""The base's log-probabilities on disk: each quant then costs one pass and one model in memory."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from garden.core.write_failure import writing
from garden.quantization.loss import BaseRows
from garden.quantization.part_file import check_space


class BaseCache:
    """Blocks of rows, written once in order and read back in order.

    The file has no name (or is removed by the system on close), so that nothing is left however the process ends. It
    is written and read, never mapped: a full disk under a mapping would end the process.

    Args:
        folder: Where there is room.
        vocab_size: Columns.
        rows: Rows that will be written, to refuse at once what the disk cannot hold.

    Raises:
        DiskFullError: The disk cannot hold it.
    """

    def __init__(self, folder: Path, vocab_size: int, rows: int) -> None:
        check_space(folder, 2 * vocab_size * rows)
        self._folder = folder
        self._vocab_size = vocab_size
        with self._writing():
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the cache
        self._heads: list[tuple[int, NDArray[np.int64], NDArray[np.float64]]] = []

    def __enter__(self) -> BaseCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, rows: BaseRows) -> None:
        """Write the next block.

        Raises:
            DiskFullError: The disk is full.
        """
        with self._writing():
            self._file.write(np.ascontiguousarray(rows.log_probabilities).data)
            self._file.flush()
        self._heads.append((len(rows.top), rows.top, rows.surprise))

    def _writing(self) -> AbstractContextManager[None]:
        return writing("The measurement's scratch file", action=f"Check that {self._folder} is yours.")

    @property
    def surprises(self) -> list[NDArray[np.float64]]:
        """The base's −ln p of all blocks, in order."""
        return [surprise for _, _, surprise in self._heads]

    def rewind(self) -> None:
        """Read from the first block again."""
        self._file.seek(0)
        self._next = 0

    def read(self) -> BaseRows:
        """Read the next block."""
        count, top, surprise = self._heads[self._next]
        self._next += 1
        block = np.empty((count, self._vocab_size), dtype=np.float16)
        view = block.data.cast("B")
        if self._file.readinto(view) != len(view):
            raise OSError("the scratch file is shorter than what was written to it")
        return BaseRows(block, top, surprise)
