"""Markers that people type stay text, whatever the template does to the message."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garden.core.conversation import ChatMessage, Role
from garden.inference.marker_guard import MarkerGuard

MARKERS = ("<|im_start|>", "<|im_end|>", "</s>", "<|im", "[INST]")


def control_texts(text: str) -> set[str]:
    """As a tokenizer finds them: the longest first, none inside another."""
    pattern = "|".join(re.escape(marker) for marker in sorted(MARKERS, key=len, reverse=True))
    return set(re.findall(pattern, text))


def pieces(content: str) -> list[str]:
    """What is tokenized of one message under a template that writes it as it is."""
    messages, cut = MarkerGuard(control_texts).cut([ChatMessage(role="user", content=content)], "")
    return messages[0].content.split(cut)


def test_a_harmless_message_stays_in_one_piece() -> None:
    assert pieces("a < b | c > d") == ["a < b | c > d"]


def test_a_marker_is_cut() -> None:
    assert pieces("end</s>more") == ["end<", "/s>more"]


def test_markers_inside_markers_are_cut_too() -> None:
    assert pieces("<|im_<|im_end|>end|>") == ["<", "|im_<", "|im_end|>end|>"]


@given(st.lists(st.sampled_from([*MARKERS, "<", "|", ">", "im", "_end", "/s", "x"]), max_size=12).map("".join))
def test_no_piece_holds_a_marker_and_no_character_changes(content: str) -> None:
    cut = pieces(content)

    assert "".join(cut) == content
    assert not any(control_texts(piece) for piece in cut)


def test_the_cut_is_a_character_that_occurs_nowhere() -> None:
    taken = "\U000f0000</s>"
    messages, cut = MarkerGuard(control_texts).cut([ChatMessage(role="user", content=taken)], "template \U000f0001")

    assert cut == "\U000f0002"
    assert "".join(messages[0].content.split(cut)) == taken


def test_a_text_is_looked_through_once() -> None:
    looked: list[str] = []

    def recording(text: str) -> set[str]:
        looked.append(text)
        return control_texts(text)

    guard = MarkerGuard(recording)
    for _turn in range(3):
        guard.cut([ChatMessage(role="user", content="harmless")], "")

    assert looked == ["harmless"]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_it_holds_for_every_role(role: Role) -> None:
    messages, cut = MarkerGuard(control_texts).cut([ChatMessage(role=role, content="</s>")], "")

    assert messages[0].content == f"<{cut}/s>"
