from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from garden.fit.graph.arena import Arena, Block


def test_results_are_laid_end_to_end() -> None:
    arena = Arena()

    assert (arena.take(3), arena.take(4)) == (Block(0, 3), Block(3, 4))
    assert arena.peak == 7


def test_what_is_given_back_is_used_again() -> None:
    arena = Arena()
    first = arena.take(3)
    arena.take(4)
    arena.give(first)

    assert arena.take(2) == Block(0, 2)
    assert arena.peak == 7


def test_the_tightest_hole_is_taken() -> None:
    arena = Arena()
    large, _wall, small, _end = arena.take(10), arena.take(1), arena.take(5), arena.take(1)
    arena.give(large, small)

    assert arena.take(5) == Block(11, 5)


def test_of_equal_holes_the_last_is_taken() -> None:
    arena = Arena()
    first, _wall, second, _end = arena.take(5), arena.take(1), arena.take(5), arena.take(1)
    arena.give(first, second)

    assert arena.take(5) == second


def test_neighbouring_holes_become_one() -> None:
    arena = Arena()
    pieces = [arena.take(2) for _ in range(3)]
    arena.take(1)
    arena.give(pieces[0], pieces[2], pieces[1])

    assert arena.take(6) == Block(0, 6)


def test_the_end_shrinks_and_the_peak_stays() -> None:
    arena = Arena()
    arena.give(arena.take(8))

    assert arena.take(3) == Block(0, 3)
    assert arena.peak == 8


def test_a_copy_lies_beside_what_it_is_made_from() -> None:
    arena = Arena()

    assert arena.copied(arena.take(4)) == Block(4, 4)
    assert arena.peak == 8


def test_nothing_takes_nothing() -> None:
    arena = Arena()
    arena.give(None, arena.take(0))

    assert arena.peak == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50)), max_size=80))
def test_results_that_live_at_the_same_time_never_overlap(steps: list[tuple[bool, int]]) -> None:
    arena, alive = Arena(), list[Block]()
    for take, number in steps:
        if take or not alive:
            alive.append(arena.take(number))
        else:
            arena.give(alive.pop(number % len(alive)))
        places = sorted(alive)
        assert all(left.offset + left.size <= right.offset for left, right in itertools.pairwise(places))
        assert all(block.offset + block.size <= arena.peak for block in alive)
