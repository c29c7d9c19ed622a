from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser, NotFoundError
from garden.quantization.file_hash import sha256_of


def test_the_hash_is_that_of_all_bytes_and_progress_reaches_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"garden" * 1_000_000)
    seen: list[int] = []

    assert sha256_of(path, on_bytes=seen.append) == hashlib.sha256(b"garden" * 1_000_000).hexdigest()
    assert seen[-1] == 6_000_000
    assert seen == sorted(seen)


def test_a_cancel_stops_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    cancelled = threading.Event()
    cancelled.set()

    with pytest.raises(CancelledByUser):
        sha256_of(path, cancelled=cancelled)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        sha256_of(tmp_path / "gone")
