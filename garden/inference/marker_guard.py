"""Keeps text that people type from turning into control tokens.

A rendered prompt is tokenized with markers such as ``<|im_end|>`` read as control tokens, as templates need. A marker
inside a message would be read so too and could end the turn. The guard puts a character that occurs nowhere else into
each such marker before the template is rendered, and cuts the rendered text there: tokenized piece by piece, no marker
of a message is whole, and not one character is changed. What a template does to a message (strip it, quote it, repeat
it) does not matter, since the cuts travel with the text.

Limits: a control token of a single character cannot be cut. Vocabularies that put a space before each text
(SentencePiece with ``add_space_prefix``) put one at the cut as well.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from garden.core.conversation import ChatMessage

#: Where the search for an unused character starts: a plane for private use that no script occupies.
_FIRST_CUT_CHARACTER = 0xF0000

#: A conversation is looked through once, not once per turn; so many texts are remembered.
_REMEMBERED_TEXTS = 1_000


class MarkerGuard:
    """Finds and cuts markers.

    Args:
        control_texts: Texts of the control tokens that a text would be read as.
    """

    def __init__(self, control_texts: Callable[[str], Iterable[str]]) -> None:
        self._control_texts = control_texts
        self._harmless: set[str] = set()

    def cut(self, messages: Sequence[ChatMessage], template: str) -> tuple[tuple[ChatMessage, ...], str]:
        """Mark where the messages must be cut.

        Args:
            messages: The chat.
            template: Text of the template that will render it.

        Returns:
            The messages with the cut character inside their markers, and that character.
        """
        cut = _unused_character([template, *(message.content for message in messages)])
        return tuple(dataclasses.replace(m, content=self._marked(m.content, cut)) for m in messages), cut

    def _marked(self, text: str, cut: str) -> str:
        if text in self._harmless:
            return text
        pieces, checked = [text], list[str]()
        while pieces:
            piece = pieces.pop()
            markers = [marker for marker in self._control_texts(piece) if len(marker) > 1 and marker in piece]
            if markers:
                # The rest of a marker may hold a shorter one, so the parts are looked at again.
                marker = max(markers, key=len)
                at = piece.index(marker) + 1
                pieces += [piece[:at], piece[at:]]
            else:
                checked.append(piece)
        if len(checked) == 1 and len(self._harmless) < _REMEMBERED_TEXTS:
            self._harmless.add(text)
        return cut.join(reversed(checked))


def _unused_character(texts: Sequence[str]) -> str:
    candidate = _FIRST_CUT_CHARACTER
    while any(chr(candidate) in text for text in texts):
        candidate += 1
    return chr(candidate)
