"""Colours of code: Pygments names the tokens, the theme their colours."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

#: Longer code stays plain: reading it would hold up the window.
_LONGEST = 60_000

#: Languages whose rules a thread has read, or is reading.
_asked: dict[str, threading.Thread] = {}


@functools.cache
def _token_colors() -> tuple[tuple[_TokenType, str], ...]:
    """Token types of Pygments, the more special first, and the token of the theme for each."""
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    return (
        (Comment, "syntax.comment"),
        (String, "syntax.string"),
        (Number, "syntax.number"),
        (Keyword.Type, "syntax.type"),
        (Keyword.Constant, "syntax.number"),
        (Keyword, "syntax.keyword"),
        (Operator.Word, "syntax.keyword"),
        (Name.Function, "syntax.function"),
        (Name.Decorator, "syntax.function"),
        (Name.Class, "syntax.type"),
        (Name.Exception, "syntax.type"),
        (Name.Builtin.Pseudo, "syntax.keyword"),
        (Name.Builtin, "syntax.function"),
        (Name.Tag, "syntax.keyword"),
        (Name.Attribute, "syntax.function"),
    )


def _lexer(language: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    if not language:
        return None
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def language_ready(language: str) -> bool:
    """Whether code of this language can be read at once; if not, a thread begins to make it so.

    Pygments turns the rules of a language into regular expressions when it is first named, which takes tens of
    milliseconds: too long for the Qt thread, the only one that calls this.
    """
    reading = _asked.get(language)
    if reading is None:
        reading = _asked[language] = threading.Thread(target=_lexer, args=(language,), name="lexer", daemon=True)
        reading.start()
    return not reading.is_alive()


def color_pieces(code: str, language: str) -> Iterator[tuple[str, str]]:
    """Cut code into pieces of one colour each.

    Args:
        code: The code.
        language: What the fence named; unknown or empty leaves the code plain.

    Yields:
        A piece and the token of its colour; the pieces joined are the code.
    """
    lexer = _lexer(language) if len(code) <= _LONGEST else None
    if lexer is None:
        yield code, "text.primary"
        return
    from pygments.token import Name

    rules = _token_colors()
    known: dict[object, str] = {}
    pending, pending_color = "", ""
    tokens = iter(lexer.get_tokens(code))
    following = next(tokens, None)
    while following is not None:
        token, piece = following
        following = next(tokens, None)
        color = known.get(token)
        if color is None:
            ancestors = token.split()
            color = next((name for kind, name in rules if kind in ancestors), "text.primary")
            known[token] = color
        if token is Name and following is not None and following[1].startswith("("):
            color = "syntax.function"
        if color == pending_color:
            pending += piece
            continue
        if pending:
            yield pending, pending_color
        pending, pending_color = piece, color
    if pending:
        yield pending, pending_color
