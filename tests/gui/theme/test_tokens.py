from __future__ import annotations

from garden.gui.theme.tokens import load_tokens


def test_both_schemes_name_the_same_colours() -> None:
    tokens = load_tokens()

    assert tokens.colors["light"].keys() == tokens.colors["dark"].keys()


def test_colours_are_flat_dotted_names() -> None:
    tokens = load_tokens()

    assert tokens.colors["light"]["verdict.too_large.fg"] == "#A63024"
    assert tokens.colors["dark"]["bg.scrim"] == "#00000080"


def test_type_styles_carry_size_line_and_weight() -> None:
    body = load_tokens().styles["body"]

    assert (body.size, body.line, body.weight) == (13, 20, 400)
