from __future__ import annotations

from garden.comparison.schedule import answer_order
from garden.core.conversation import Mode


def test_relay_goes_in_pane_order() -> None:
    assert answer_order("CAB", Mode.RELAY, 1) == ("C", "A", "B")


def test_fair_is_shuffled_by_its_seed_and_repeats() -> None:
    orders = {answer_order("ABCD", Mode.FAIR, seed) for seed in range(200)}

    assert len(orders) == 24
    assert answer_order("ABCD", Mode.FAIR, 7) == answer_order("ABCD", Mode.FAIR, 7)


def test_each_pane_answers_once() -> None:
    assert sorted(answer_order("ABA", Mode.FAIR)) == ["A", "B"]
