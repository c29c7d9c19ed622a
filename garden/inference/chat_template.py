"""Chat templates: untrusted Jinja programs that turn messages into the text a model was trained on.

Rendered in jinja2's immutable sandbox, with a time limit and a cap on the result. Call it in a child process only:
what a template allocates before the limit is the child's.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.sandbox

from garden.core.conversation import ChatMessage
from garden.core.errors import InvalidFileError, RefusedError

TIME_LIMIT_SECONDS = 2.0

#: More text than any context holds; templates that double a string in a loop stop here or at the memory limit.
MAX_RENDERED_CHARACTERS = 8 * 1024 * 1024

_ACTION = "Choose another template in the pane's settings, or plain completion."


class _TemplateTimeout(BaseException):
    """Thrown into the rendering thread; not an Exception, so that no template construct can catch it."""


class ChatTemplate:
    """A compiled template.

    Args:
        source: Jinja text.
        bos: Text of the begin token, empty for none.
        eos: Text of the end token, empty for none.

    Raises:
        InvalidFileError: It does not parse.
    """

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        self.source = source
        self._tokens = {"bos_token": bos, "eos_token": eos}
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = _strftime_now
        try:
            with _time_limit(TIME_LIMIT_SECONDS):
                self._template = environment.from_string(source)
        except (jinja2.TemplateError, RecursionError, _TemplateTimeout) as error:
            raise InvalidFileError("The chat template of this model does not parse.", _ACTION, str(error)) from error

    @property
    def sha256(self) -> str:
        """Hash of its text."""
        return template_sha256(self.source)

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """The text for these messages, ending where the answer begins.

        Raises:
            RefusedError: The template refuses the messages, fails, or takes longer than the limit.
        """
        # None arguments are left out: many templates test whether a name is defined, not whether it is None.
        values: dict[str, Any] = {
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "add_generation_prompt": True,
            **self._tokens,
        }
        pieces: list[str] = []
        length = 0
        try:
            with _time_limit(TIME_LIMIT_SECONDS):
                for piece in self._template.generate(**values):
                    pieces.append(piece)
                    length += len(piece)
                    if length > MAX_RENDERED_CHARACTERS:
                        raise RefusedError("The chat template of this model writes without end.", _ACTION)
        except _TemplateTimeout as error:
            raise RefusedError(
                f"The chat template of this model took longer than {TIME_LIMIT_SECONDS:.0f} s and was stopped.", _ACTION
            ) from error
        except jinja2.TemplateError as error:
            raise RefusedError(f"The chat template of this model refuses: {str(error)[:200]}.", _ACTION) from error
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError, RecursionError, MemoryError) as error:
            raise RefusedError("The chat template of this model failed.", _ACTION, repr(error)) from error
        return "".join(pieces)


def template_sha256(source: str) -> str:
    """Hash of a template's text."""
    return hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Throw _TemplateTimeout into this thread after a while; works on every platform, unlike an alarm."""
    thread = threading.get_ident()
    finished = threading.Lock()
    done = False

    def throw() -> None:
        with finished:
            if not done:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_TemplateTimeout))

    timer = threading.Timer(seconds, throw)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        # Under the lock, so that the exception cannot arrive after this block was left.
        with finished:
            done = True
        timer.cancel()


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(str(message))


def _strftime_now(form: str) -> str:
    return time.strftime(form)


def _to_json(value: Any, indent: int | None = None, **_options: Any) -> str:
    # Jinja's own filter escapes HTML, which no model was trained on.
    return json.dumps(value, ensure_ascii=False, indent=indent)


def split_by_trust(rendered: str, contents: Sequence[str], control: Callable[[str], bool]) -> list[tuple[str, bool]]:
    """Cut a rendered prompt into pieces, each with whether markers in it are the template's own.

    A marker such as ``<|im_end|>`` that a user typed must not end the turn. Only contents that hold such a marker are
    cut out, since tokenizing piece by piece can differ from tokenizing the whole at the seams.

    Args:
        rendered: What the template wrote.
        contents: The messages' contents in order.
        control: Whether a text holds the text of a control token.

    Returns:
        Pieces whose concatenation is ``rendered``; True for pieces in which markers count.
    """
    pieces: list[tuple[str, bool]] = []
    position = 0
    for content in contents:
        # Many templates strip the contents they are given.
        for candidate in (content, content.strip()):
            found = rendered.find(candidate, position) if candidate else -1
            if found >= 0:
                if control(candidate):
                    pieces.append((rendered[position:found], True))
                    pieces.append((candidate, False))
                    position = found + len(candidate)
                break
    pieces.append((rendered[position:], True))
    return [(text, trusted) for text, trusted in pieces if text]
