from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.errors import InvalidFileError, NotFoundError
from garden.gguf.byte_source import FileSource, Piece


@pytest.fixture
def ten_bytes(tmp_path: Path) -> Path:
    path = tmp_path / "ten"
    path.write_bytes(b"0123456789")
    return path


def test_reads_any_part(ten_bytes: Path) -> None:
    with FileSource(ten_bytes) as source:
        assert (source.size_bytes, source.read(3, 4), source.read(0, 2)) == (10, b"3456", b"01")


def test_a_read_past_the_end_returns_fewer_bytes(ten_bytes: Path) -> None:
    with FileSource(ten_bytes) as source:
        assert (source.read(8, 10), source.read(10, 1), source.read(99, 1)) == (b"89", b"", b"")


def test_the_file_is_closed_at_the_end(ten_bytes: Path) -> None:
    with FileSource(ten_bytes) as source:
        pass
    with pytest.raises(ValueError, match="closed"):
        source.read(0, 1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent\.gguf"):
        FileSource(tmp_path / "absent.gguf")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="is not a file"):
        FileSource(tmp_path)


def test_a_piece_lies_at_its_place() -> None:
    piece = Piece(10, b"abcdef")

    assert (piece.size_bytes, piece.read(12, 3), piece.read(14, 9)) == (16, b"cde", b"ef")
    assert (piece.read(0, 20), piece.read(16, 1)) == (b"", b"")
