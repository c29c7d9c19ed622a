from __future__ import annotations

import gc

from garden.fit.per_header import PerHeader
from garden.gguf.header import GgufHeader
from tests.fit.headers import header


def test_a_header_is_looked_at_once() -> None:
    seen: list[GgufHeader] = []

    def look(model: GgufHeader) -> int:
        seen.append(model)
        return len(seen)

    count = PerHeader(look)
    one, other = header("llama", {}), header("llama", {})

    assert [count(one), count(one), count(other), count(one)] == [1, 1, 2, 1]


def test_it_keeps_no_header_alive() -> None:
    results: PerHeader[object] = PerHeader(lambda _model: object())
    for number in range(100):
        results(header("llama", {"block_count": number}))
    gc.collect()

    assert len(results._results) <= 1
