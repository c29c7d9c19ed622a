from __future__ import annotations

import pytest

from garden.comparison.first_difference import FirstDifference, first_difference
from garden.core.conversation import GenerationMetrics
from tests.comparison.values import answer


def test_the_same_answer_has_none() -> None:
    assert first_difference(answer("One two.", (1, 2)), answer("One two.", (1, 2))) is None


def test_the_token_and_the_whole_word_are_named() -> None:
    found = first_difference(answer("The sunlight is", (1, 2, 3)), answer("The sunrise was", (1, 7, 8)))

    assert found == FirstDifference(
        token=1, character=4, word="sunrise", baseline_character=4, baseline_word="sunlight"
    )


def test_tokens_of_other_vocabularies_are_not_compared() -> None:
    other = answer("The end", (9, 9), prompt_token_ids=(5, 6))

    found = first_difference(answer("The sky", (1, 2)), other)

    assert found is not None
    assert (found.token, found.word) == (None, "end")


def test_without_prompt_tokens_the_count_of_the_same_prompt_decides() -> None:
    def short(text: str, tokens: tuple[int, ...], count: int) -> FirstDifference | None:
        metrics = GenerationMetrics(prompt_tokens=count)
        one = answer("The sky", (1, 2), prompt_token_ids=(), metrics=GenerationMetrics(prompt_tokens=9))
        return first_difference(one, answer(text, tokens, prompt_token_ids=(), metrics=metrics))

    same, other = short("The end", (1, 3), 9), short("The end", (1, 3), 8)

    assert (same and same.token, other and other.token) == (1, None)


@pytest.mark.parametrize(
    ("text", "character", "word", "baseline_word"),
    [
        ("One two", 7, "", "three"),
        ("One two\nthree", 8, "three", "three"),
        ("(One two three", 0, "(", "One"),
        ("One two threefold", 8, "threefold", "three"),
    ],
)
def test_ends_spaces_and_signs(text: str, character: int, word: str, baseline_word: str) -> None:
    found = first_difference(answer("One two three", (1, 2)), answer(text, (1, 3)))

    assert found is not None
    assert (found.character, found.word, found.baseline_word) == (character, word, baseline_word)


def test_the_same_text_in_other_tokens_parts_at_the_token() -> None:
    found = first_difference(answer("ab", (1,)), answer("ab", (2, 3)))

    assert found is not None
    assert (found.token, found.word, found.baseline_word) == (0, "", "")


def test_an_answer_without_text_is_not_compared() -> None:
    assert first_difference(answer("One"), answer("")) is None
