"""Chat templates: untrusted Jinja programs that turn messages into the text a model was trained on.

Use them in a child process only; see ``template_sandbox`` for the limits they are held to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import jinja2

from garden.core.conversation import ChatMessage
from garden.core.errors import GardenError, InvalidFileError, RefusedError
from garden.inference.template_sandbox import TIME_LIMIT_SECONDS, TemplateSandbox, TemplateTimeout, limited

#: More text than any context holds; templates that write without end stop here.
MAX_RENDERED_CHARACTERS = 8 * 1024 * 1024

_ACTION = "Choose another template in the pane's settings, or plain completion."


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
        try:
            with limited():
                self._template = TemplateSandbox().from_string(source)
        except (Exception, TemplateTimeout) as error:  # an untrusted program can make the compiler raise anything
            raise InvalidFileError("The chat template of this model does not parse.", _ACTION, repr(error)) from error

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """The text for these messages, ending where the answer begins.

        A template that refuses system messages gets the system text in front of the first user message.

        Raises:
            RefusedError: The template refuses the messages, fails, or goes beyond the limits.
        """
        try:
            return self._render(messages)
        except jinja2.TemplateError as error:
            merged = _system_text_merged(messages)
            if merged is None:
                raise _refused(error) from error
        try:
            return self._render(merged)
        except jinja2.TemplateError as error:
            raise _refused(error) from error

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        # Names without a value are left out: many templates test whether one is defined, not whether it is None.
        values: dict[str, Any] = {
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "add_generation_prompt": True,
            **self._tokens,
        }
        pieces: list[str] = []
        length = 0
        try:
            with limited():
                for piece in self._template.generate(**values):
                    pieces.append(piece)
                    length += len(piece)
                    if length > MAX_RENDERED_CHARACTERS:
                        raise RefusedError("The chat template of this model writes without end.", _ACTION)
        except TemplateTimeout as error:
            raise RefusedError(
                f"The chat template of this model took longer than {TIME_LIMIT_SECONDS:.0f} s and was stopped.", _ACTION
            ) from error
        except MemoryError as error:
            raise RefusedError("The chat template of this model took too much memory.", _ACTION) from error
        except (GardenError, jinja2.TemplateError):
            raise
        except Exception as error:  # an untrusted program can raise anything
            raise RefusedError("The chat template of this model failed.", _ACTION, repr(error)) from error
        return "".join(pieces)


def template_sha256(source: str) -> str:
    """Hash of a template's text."""
    return hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()


def _refused(error: jinja2.TemplateError) -> RefusedError:
    words = " ".join(str(error).split()).rstrip(".")[:200]
    return RefusedError(f"The chat template of this model refuses the conversation: {words}.", _ACTION, repr(error))


def _system_text_merged(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...] | None:
    """The chat with its system text in front of the first user message; None when there is nothing to merge."""
    if len(messages) < 2 or messages[0].role != "system" or messages[1].role != "user":
        return None
    first = ChatMessage(role="user", content=f"{messages[0].content}\n\n{messages[1].content}")
    return (first, *messages[2:])
