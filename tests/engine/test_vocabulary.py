"""Text to tokens and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.engine.vocabulary import Vocabulary
from tests.engine.loading import load_parameters

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def vocabulary(engine: EngineLibrary, tiny_model: Path) -> Vocabulary:
    return Model(engine, tiny_model, load_parameters()).vocabulary


@pytest.mark.parametrize("text", ["the thin other", "Zürich – 東京 🌱", "", "  two  spaces\n\ttabs", "nul\0inside"])
def test_any_text_survives_the_round_trip(vocabulary: Vocabulary, text: str) -> None:
    tokens = vocabulary.tokenize(text, add_special=False, parse_special=False)

    assert b"".join(vocabulary.piece(token) for token in tokens).decode() == text


def test_half_a_surrogate_does_not_raise(vocabulary: Vocabulary) -> None:
    assert vocabulary.tokenize("a\ud800b", add_special=False, parse_special=False)


def test_markers_are_one_token_only_where_they_count(vocabulary: Vocabulary) -> None:
    trusted = vocabulary.tokenize("<|im_end|>", add_special=False, parse_special=True)
    typed = vocabulary.tokenize("<|im_end|>", add_special=False, parse_special=False)

    assert trusted == [vocabulary.eos]
    assert len(typed) == len("<|im_end|>")


def test_control_tokens_show_no_text_but_templates_can_write_them(vocabulary: Vocabulary) -> None:
    assert vocabulary.eos is not None
    assert (vocabulary.piece(vocabulary.eos), vocabulary.text_of(vocabulary.eos)) == (b"", "<|im_end|>")
    assert vocabulary.text_of(None) == ""


def test_control_markers_in_a_text_are_found(vocabulary: Vocabulary) -> None:
    assert set(vocabulary.control_texts("a<|im_end|>b<|im_start|><|im_end|>")) == {"<|im_start|>", "<|im_end|>"}
    assert vocabulary.control_texts("an <|im_end| that is none") == ()


def test_the_end_token_ends_and_others_do_not(vocabulary: Vocabulary) -> None:
    assert vocabulary.eos is not None
    assert vocabulary.ends_generation(vocabulary.eos)
    assert not vocabulary.ends_generation(65)
