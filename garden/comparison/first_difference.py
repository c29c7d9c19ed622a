"""Where two answers to one prompt part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from garden.core.conversation import Answer

_WORD = re.compile(r"\w+|\S")
_WORD_CHARACTER = re.compile(r"\w")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDifference:
    """The first place at which an answer is not its baseline's.

    Attributes:
        token: Index of the first token that differs, from 0; None where the two count in different vocabularies.
        character: Where the first word that differs begins in the answer; its length when the answer ends there.
        word: That word, empty when the answer ends there.
        baseline_character: Where the first word that differs begins in the baseline.
        baseline_word: That word, empty when the baseline ends there.
    """

    token: int | None
    character: int
    word: str
    baseline_character: int
    baseline_word: str


def first_difference(baseline: Answer, other: Answer) -> FirstDifference | None:
    """Where ``other`` leaves ``baseline``; None where they are the same, or one of them has no text."""
    if not baseline.text or not other.text:
        return None
    token = _first_token(baseline, other) if same_vocabulary(baseline, other) else None
    if baseline.text == other.text and token is None:
        return None
    parting = _word_start(baseline.text, other.text, _common_length(baseline.text, other.text))
    character, word = _word_from(other.text, parting)
    baseline_character, baseline_word = _word_from(baseline.text, parting)
    return FirstDifference(
        token=token,
        character=character,
        word=word,
        baseline_character=baseline_character,
        baseline_word=baseline_word,
    )


def same_vocabulary(one: Answer, other: Answer) -> bool:
    """Whether token numbers mean the same in both: the same prompt text became the same tokens."""
    if one.rendered_prompt != other.rendered_prompt or not one.rendered_prompt:
        return False
    if one.prompt_token_ids and other.prompt_token_ids:
        return one.prompt_token_ids == other.prompt_token_ids
    counts = one.metrics.prompt_tokens, other.metrics.prompt_tokens
    return counts[0] is not None and counts[0] == counts[1]


def _first_token(one: Answer, other: Answer) -> int | None:
    if not one.token_ids or not other.token_ids:
        return None
    same = _common_length(one.token_ids, other.token_ids)
    return None if same == len(one.token_ids) == len(other.token_ids) else same


def _common_length(one: Sequence[object], other: Sequence[object]) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def _word_start(one: str, other: str, place: int) -> int:
    """The beginning of the word in which two texts part; ``place`` itself where they part between words."""
    if any(_WORD_CHARACTER.match(text, place) for text in (one, other)):
        while place > 0 and _WORD_CHARACTER.match(one, place - 1):
            place -= 1
    return place


def _word_from(text: str, place: int) -> tuple[int, str]:
    """The first word from a place on: its beginning and itself; the end of the text when there is none."""
    found = _WORD.search(text, place)
    return (found.start(), found[0]) if found else (len(text), "")
