"""Where a header is read from: a file, or a file on the Hub through ranges."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from garden.core.errors import InvalidFileError, NotFoundError


class ByteSource(Protocol):
    """Bytes that can be read at any offset.

    Attributes:
        size_bytes: Size of the whole.
    """

    @property
    def size_bytes(self) -> int:
        """Size of the whole, in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; fewer at the end, none past it."""


class FileSource:
    """A file on this machine; a context manager that closes it.

    Raises:
        NotFoundError: No such file.
        InvalidFileError: Not a regular file, or one that may not be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            if not path.is_file():
                if path.exists():
                    raise InvalidFileError(f"{path.name} is not a file.", "Choose a GGUF file.")
                raise NotFoundError(f"There is no file {path}.", "Check the path.")
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise InvalidFileError(
                f"{path.name} cannot be read: {error.strerror or error}.", "Check its permissions.", str(error)
            ) from error
        self._size_bytes = self._file.seek(0, 2)

    @property
    def size_bytes(self) -> int:
        """Size of the file, in bytes."""
        return self._size_bytes

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``."""
        self._file.seek(offset)
        pieces = []
        while length > 0:
            # A read of more than 2 GiB, or one interrupted by a signal, may return less than asked.
            piece = self._file.read(length)
            if not piece:
                break
            pieces.append(piece)
            length -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Piece:
    """A piece of a source that was read before, at its place; nothing lies beyond it.

    Args:
        offset: Where it lies in the source.
        data: The bytes.
    """

    def __init__(self, offset: int, data: bytes) -> None:
        self._offset = offset
        self._data = data

    @property
    def size_bytes(self) -> int:
        """Where it ends in the source."""
        return self._offset + len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; none before the piece."""
        start = offset - self._offset
        return self._data[start : start + length] if start >= 0 else b""
