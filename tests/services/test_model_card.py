"""Model cards as they are read."""

from __future__ import annotations

import time

from garden.services.model_card import MOST_CHARACTERS, readable_card

_CARD = """---
license: mit
---
# Model

Words.

## Intended Use

For tests only.
Not for people.

## Training

More.
"""


def test_licence_and_purpose_stand_on_top_and_the_card_follows() -> None:
    shown = readable_card(_CARD, "mit")

    assert shown.startswith(
        "> **Licence** MIT, permissive. Keep the copyright notice and the licence text with copies.\n>\n"
        "> **Intended use** For tests only. Not for people.\n\n# Model\n"
    )
    assert "license: mit" not in shown
    assert shown.count("For tests only.") == 2


def test_a_card_that_says_nothing_of_its_purpose_has_the_licence_alone() -> None:
    shown = readable_card("# Model\n\nWords.", None)

    assert shown.startswith("> **Licence** No licence named. Without a licence nothing is allowed; ask.\n\n# Model")


def test_what_is_no_prose_stays_where_it_is() -> None:
    assert "Intended use**" not in readable_card("## Intended use\n\n```python\nrun()\n```\n")
    assert "Intended use**" not in readable_card("## Uses\n\n<script>x</script>\n")


def test_a_long_purpose_is_cut_between_words() -> None:
    first = readable_card("## Uses\n\n" + "word " * 400).split("\n\n")[0]

    assert first.endswith("word …")
    assert len(first) < 700


def test_a_licence_that_was_made_up_is_no_markdown() -> None:
    shown = readable_card("text", "![x](http://evil.example/a.png)<b>\n# Big")

    assert shown.splitlines()[0] == "> **Licence** xhttpevil.examplea.pngb Big."


def test_a_hostile_card_costs_no_time() -> None:
    cards = (
        "---\n" * 200_000,
        "#" * 500_000,
        "## uses\n" * 60_000,
        "# " + " " * 300_000,
        "## intended use" + " \t" * 200_000,
    )
    began = time.perf_counter()
    for card in cards:
        assert len(readable_card(card)) < MOST_CHARACTERS + 2_000
    assert time.perf_counter() - began < 5
