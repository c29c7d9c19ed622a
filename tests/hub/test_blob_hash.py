from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser
from garden.hub.blob_hash import BlobHash, hash_file, is_promise


def test_a_large_file_is_promised_by_sha256() -> None:
    promise = BlobHash(hashlib.sha256(b"abc").hexdigest(), 3)
    promise.update(b"ab")
    assert not promise.matches
    promise.update(b"c")
    assert promise.matches


def test_a_small_file_is_promised_by_gits_hash() -> None:
    # `printf abc | git hash-object --stdin`
    promise = BlobHash("f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f", 3)
    promise.update(b"abc")
    assert promise.matches
    assert promise.sha256 == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("etag", "is_one"), [("a" * 64, True), ("0" * 40, True), ("A" * 64, False), ("a" * 63, False), ("", False)]
)
def test_what_is_a_promise(etag: str, is_one: bool) -> None:
    assert is_promise(etag) is is_one


def test_reading_a_file_can_be_cancelled(tmp_path: Path) -> None:
    path, cancelled = tmp_path / "f", threading.Event()
    path.write_bytes(b"x" * 100)
    assert hash_file(path, BlobHash("a" * 64, 100)) == 100
    cancelled.set()
    with pytest.raises(CancelledByUser):
        hash_file(path, BlobHash("a" * 64, 100), cancelled)
