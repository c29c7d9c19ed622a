from __future__ import annotations

import pytest

from garden.core.plain_line import plain_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  two   words ", "two words"),
        ("a\u202eb\x00c\nd", "a b c d"),
        ("one\u2028two\u2029three\u3000four", "one two three four"),
        ("\ud800\u200b\ue000", ""),
        ("Größe 日本語", "Größe 日本語"),
    ],
)
def test_what_does_not_print_is_a_space(text: str, shown: str) -> None:
    assert plain_line(text, 50) == shown


def test_a_text_is_cut_and_never_ends_in_a_space() -> None:
    assert plain_line("x" * 500, 10) == "x" * 10
    assert plain_line("nine char and more", 10) == "nine char"
