from __future__ import annotations

import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from garden.core.errors import DiskFullError
from garden.quantization.base_cache import BaseCache
from garden.quantization.loss import base_rows

LOGITS = np.random.default_rng(1).standard_normal((6, 50)).astype(np.float32)


def test_blocks_come_back_in_order_for_every_quant(tmp_path: Path) -> None:
    blocks = [base_rows(LOGITS[:4], np.zeros(4, np.int64)), base_rows(LOGITS[4:], np.ones(2, np.int64))]
    with BaseCache(tmp_path, vocab_size=50, rows=6) as cache:
        for block in blocks:
            cache.append(block)

        for _ in range(2):
            cache.rewind()
            for block in blocks:
                read = cache.read()
                np.testing.assert_array_equal(read.log_probabilities, block.log_probabilities)
                np.testing.assert_array_equal(read.top, block.top)
                np.testing.assert_array_equal(read.surprise, block.surprise)


def test_nothing_is_seen_in_the_folder(tmp_path: Path) -> None:
    with BaseCache(tmp_path, vocab_size=50, rows=6) as cache:
        cache.append(base_rows(LOGITS, np.zeros(6, np.int64)))

        assert list(tmp_path.iterdir()) == []


def test_a_cache_larger_than_the_disk_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="the file needs"):
        BaseCache(tmp_path, vocab_size=1_000_000, rows=10**9)


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with BaseCache(tmp_path, vocab_size=50, rows=6) as cache:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(DiskFullError, match="disk is full"):
                cache.append(base_rows(LOGITS, np.zeros(6, np.int64)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
