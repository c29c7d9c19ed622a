"""In which order panes answer."""

from __future__ import annotations

import random
from collections.abc import Sequence

from garden.core.conversation import Mode


def answer_order(letters: Sequence[str], mode: Mode, seed: int | None = None) -> tuple[str, ...]:
    """Letters in the order in which they answer, each once.

    Fair mode shuffles: whoever goes first finds a cool processor and cold caches, and no model should always be that
    one. Relay goes in pane order, as the page shows it.

    Args:
        letters: The panes that take part.
        mode: How they share the machine.
        seed: Makes the shuffle repeatable; None draws.
    """
    order = list(dict.fromkeys(letters))
    if mode is Mode.FAIR:
        random.Random(seed).shuffle(order)
    return tuple(order)
