"""Deltas: the first token at once, later ones together, none lost."""

from __future__ import annotations

from garden.core.messages import Delta
from garden.inference.delta_batch import DeltaBatch


def sent(times: list[float]) -> list[tuple[int, ...]]:
    """Tokens of each Delta when token n comes at times[n]."""
    deltas: list[Delta] = []
    clock = iter([*times, 99.0])
    batch = DeltaBatch(deltas.append, 7, lambda: next(clock))
    for token in range(len(times)):
        batch.add(token, str(token))
    batch.finish("")
    assert all(delta.request_id == 7 for delta in deltas)
    assert "".join(delta.text for delta in deltas) == "".join(str(token) for token in range(len(times)))
    return [delta.token_ids for delta in deltas]


def test_the_first_token_goes_at_once_and_fast_ones_go_together() -> None:
    assert sent([0.0, 0.005, 0.010, 0.016, 0.020]) == [(0,), (1, 2, 3), (4,)]


def test_slow_tokens_go_one_by_one() -> None:
    assert sent([0.0, 0.1, 0.2]) == [(0,), (1,), (2,)]


def test_many_fast_tokens_go_in_eights() -> None:
    assert [len(tokens) for tokens in sent([0.0001 * n for n in range(20)])] == [1, 8, 8, 3]


def test_text_held_to_the_end_is_sent() -> None:
    deltas: list[Delta] = []
    batch = DeltaBatch(deltas.append, 1)
    batch.finish("rest")
    batch.finish("")

    assert deltas == [Delta(request_id=1, text="rest")]
