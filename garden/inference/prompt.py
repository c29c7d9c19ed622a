"""From a chat to the exact text and tokens that a model receives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from garden.core.conversation import ChatMessage
from garden.core.errors import RefusedError
from garden.core.run_configuration import AskParameters
from garden.inference.chat_template import ChatTemplate
from garden.inference.marker_guard import MarkerGuard


class TextVocabulary(Protocol):
    """What the prompt needs of a model's vocabulary."""

    @property
    def adds_bos(self) -> bool:
        """The file's own flag: whether a text starts with the begin token."""

    @property
    def bos(self) -> int | None:
        """The begin token."""

    @property
    def eos(self) -> int | None:
        """The end token."""

    def text_of(self, token: int | None) -> str:
        """A token as templates write it."""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Tokens of a text."""

    def control_texts(self, text: str) -> Sequence[str]:
        """Markers in a text that would be read as control tokens."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model receives.

    Attributes:
        text: As rendered; the begin token is not in it unless the template wrote it.
        tokens: With the begin token, where the file's flag wants one.
    """

    text: str
    tokens: tuple[int, ...]


class PromptBuilder:
    """Renders and tokenizes.

    Args:
        vocabulary: The model's.
        file_template: The template inside the file, None for a base model.
    """

    def __init__(self, vocabulary: TextVocabulary, file_template: str | None) -> None:
        self._vocabulary = vocabulary
        self._file_template = file_template
        self._guard = MarkerGuard(vocabulary.control_texts)
        self._compiled: ChatTemplate | None = None

    def template_source(self, template: str) -> str | None:
        """Text of the template that ``AskParameters.template`` names; None for plain completion."""
        if template == "none":
            return None
        return self._file_template if template == "file" else template

    def build(self, messages: Sequence[ChatMessage], ask: AskParameters) -> Prompt:
        """The prompt for a chat.

        Raises:
            RefusedError: There is nothing in it, or the template refuses it.
            InvalidFileError: The template does not parse.
        """
        source = self.template_source(ask.template)
        if source is None:
            text = joined_plainly(messages)
            # Nothing in a plain text is a marker.
            tokens = self._vocabulary.tokenize(text, add_special=False, parse_special=False)
        else:
            marked, cut = self._guard.cut(messages, source)
            pieces = self._template(source).render(marked).split(cut)
            text = "".join(pieces)
            tokens = [
                token
                for piece in pieces
                if piece
                for token in self._vocabulary.tokenize(piece, add_special=False, parse_special=True)
            ]
        if not tokens:
            raise RefusedError("There is nothing to answer.", "Write a prompt first.")
        return Prompt(text, tuple(self._with_bos(tokens)))

    def _with_bos(self, tokens: list[int]) -> list[int]:
        """The begin token in front if the file's flag wants it and the template did not write it itself."""
        bos = self._vocabulary.bos
        if bos is None or not self._vocabulary.adds_bos or tokens[:1] == [bos]:
            return tokens
        return [bos, *tokens]

    def _template(self, source: str) -> ChatTemplate:
        if self._compiled is None or self._compiled.source != source:
            vocabulary = self._vocabulary
            self._compiled = ChatTemplate(
                source, bos=vocabulary.text_of(vocabulary.bos), eos=vocabulary.text_of(vocabulary.eos)
            )
        return self._compiled


def joined_plainly(messages: Sequence[ChatMessage]) -> str:
    """A chat as one text to be continued: an answer goes on where its prompt ended, a new prompt starts a paragraph."""
    text = ""
    for message in messages:
        between = "" if not text or message.role == "assistant" else "\n\n"
        text += between + message.content
    return text
