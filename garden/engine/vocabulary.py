"""A model's vocabulary: text to tokens and back."""

from __future__ import annotations

import ctypes
from typing import Any

from garden.core.errors import EngineError


class Vocabulary:
    """Tokenizes and detokenizes.

    Args:
        c: The module of C functions.
        pointer: llama.cpp's vocabulary, owned by the model.

    Attributes:
        size: Number of tokens.
    """

    def __init__(self, c: Any, pointer: Any) -> None:
        self._c = c
        self._pointer = pointer
        self.size: int = c.llama_vocab_n_tokens(pointer)
        self._pieces: dict[int, bytes] = {}
        self._buffer = ctypes.create_string_buffer(256)

    @property
    def pointer(self) -> Any:
        """For the samplers that look at the vocabulary."""
        return self._pointer

    @property
    def adds_bos(self) -> bool:
        """The file's own flag: whether a text starts with the begin token."""
        return bool(self._c.llama_vocab_get_add_bos(self._pointer))

    @property
    def bos(self) -> int | None:
        """The begin token, None when there is none."""
        token: int = self._c.llama_vocab_bos(self._pointer)
        return token if token >= 0 else None

    @property
    def eos(self) -> int | None:
        """The end token, None when there is none."""
        token: int = self._c.llama_vocab_eos(self._pointer)
        return token if token >= 0 else None

    def ends_generation(self, token: int) -> bool:
        """Whether the model says with this token that it is done; a file may have several."""
        return bool(self._c.llama_vocab_is_eog(self._pointer, token))

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Tokens of a text.

        Args:
            text: What to tokenize.
            add_special: Put the begin token in front if the file's flag wants it.
            parse_special: Read markers such as ``<|im_end|>`` as control tokens.

        Raises:
            EngineError: The vocabulary cannot express the text.
        """
        raw = text.encode("utf-8", "replace")
        capacity = len(raw) + 8
        for _ in range(2):
            tokens = (ctypes.c_int32 * capacity)()
            count = self._c.llama_tokenize(self._pointer, raw, len(raw), tokens, capacity, add_special, parse_special)
            if count >= 0:
                return list(tokens[:count])
            capacity = -count
        raise EngineError("This text cannot be expressed in the model's vocabulary.", "Change the text.")

    def piece(self, token: int) -> bytes:
        """The bytes of one token, which may be part of a character; control tokens have none."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._render(token, special=False)
        return known

    def text_of(self, token: int | None) -> str:
        """A token as templates write it, markers included; empty for None."""
        return "" if token is None else self._render(token, special=True).decode("utf-8", "replace")

    def control_texts(self, text: str) -> tuple[str, ...]:
        """Markers in a text, such as ``<|im_end|>``, that would be read as control tokens; each once."""
        c, pointer = self._c, self._pointer
        tokens = set(self.tokenize(text, add_special=False, parse_special=True))
        return tuple(self.text_of(token) for token in sorted(tokens) if c.llama_vocab_is_control(pointer, token))

    def _render(self, token: int, *, special: bool) -> bytes:
        length = self._c.llama_token_to_piece(self._pointer, token, self._buffer, len(self._buffer), 0, special)
        if length < 0:
            # Some vocabularies hold pieces of hundreds of spaces.
            self._buffer = ctypes.create_string_buffer(-length)
            length = self._c.llama_token_to_piece(self._pointer, token, self._buffer, len(self._buffer), 0, special)
        return self._buffer.raw[: max(length, 0)]
