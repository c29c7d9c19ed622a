"""Bytes to text that may be shown: whole characters, no beginning of a stop string, nothing lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garden.inference.text_stream import TextStream


def fed(pieces: list[bytes], stops: list[str] = []) -> tuple[list[str], TextStream]:  # noqa: B006 - never changed
    stream = TextStream(stops)
    shown = [stream.feed(piece) for piece in pieces]
    return [*shown, stream.finish()], stream


def test_a_character_is_shown_when_its_last_byte_came() -> None:
    shown, _stream = fed(["€".encode()[:1], "€".encode()[1:2], "€".encode()[2:], b"!"])

    assert shown == ["", "", "€", "!", ""]


def test_an_invalid_byte_does_not_hold_back_what_follows() -> None:
    shown, _stream = fed([b"a", b"\xff", b"b", "ü".encode()])

    assert "".join(shown) == "a\ufffdbü"
    assert shown[2] == "b"


def test_a_character_cut_off_at_the_end_is_marked() -> None:
    shown, _stream = fed([b"a", "€".encode()[:2]])

    assert "".join(shown) == "a\ufffd"


def test_a_stop_string_over_several_tokens_is_held_back_and_cut() -> None:
    shown, stream = fed([b"Hello", b" <", b"|e", b"nd|", b"> more"], ["<|end|>"])

    assert shown == ["Hello", " ", "", "", "", ""]
    assert (stream.text, stream.stopped) == ("Hello ", True)


def test_what_only_looked_like_a_stop_is_shown() -> None:
    shown, stream = fed([b"a <", b"|e", b"lse"], ["<|end|>"])

    assert shown == ["a ", "", "<|else", ""]
    assert not stream.stopped


def test_the_beginning_of_a_stop_is_shown_when_the_answer_ends() -> None:
    shown, _stream = fed([b"a <|e"], ["<|end|>"])

    assert shown == ["a ", "<|e"]


def test_the_first_of_several_stops_counts() -> None:
    _shown, stream = fed([b"one two three"], ["three", "two"])

    assert stream.text == "one "


def test_an_empty_stop_string_stops_nothing() -> None:
    _shown, stream = fed([b"text"], [""])

    assert stream.text == "text"


@given(st.text(), st.lists(st.text(min_size=1, max_size=4), max_size=3), st.integers(1, 5))
def test_any_cutting_into_tokens_gives_the_same_text(text: str, stops: list[str], size: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    raw = text.encode()
    shown, stream = fed([raw[start : start + size] for start in range(0, len(raw), size)], stops)
    ends = [text.find(stop) for stop in stops if stop in text]

    assert "".join(shown) == stream.text
    assert text.startswith(stream.text)
    assert not any(stop in stream.text for stop in stops)
    if not ends:
        assert stream.text == text
