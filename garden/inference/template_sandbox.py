"""The sandbox that untrusted templates run in: what they may call, how long, how much memory.

Three limits, each for what the one before cannot stop. After ``TIME_LIMIT_SECONDS`` an exception is thrown into the
template; this needs Python to run between two operations. Operations that could run for minutes by themselves (powers,
products of long numbers, repeated texts) are refused beforehand. Whatever is left ends the process: call it in a child.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from garden.process.memory_limit import growth_limited

TIME_LIMIT_SECONDS = 2.0

#: When the exception had no effect for so long, the process is ended.
HARD_LIMIT_SECONDS = TIME_LIMIT_SECONDS + 3.0

#: What a template may take while it renders; the longest prompts need a hundredth.
MEMORY_LIMIT_BYTES = 512 * 1024 * 1024

#: Longest number and longest repeated text, in bits and characters.
_MAX_BITS = 4_096
_MAX_REPEATED = 1_000_000


class TemplateTimeout(BaseException):
    """Thrown into the rendering thread; not an Exception, so that no template construct can catch it."""


class TemplateSandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Jinja as chat templates expect it, without a way out."""

    intercepted_binops = frozenset(["*", "**"])

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols, _GenerationBlock])
        self.filters["tojson"] = _to_json
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = time.strftime

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse products and powers too large for a prompt, which would run for minutes and cannot be interrupted."""
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * abs(right) if operator == "**" else left.bit_length() + right.bit_length()
            if bits > _MAX_BITS:
                raise jinja2.TemplateError("a number grows too large")
        elif operator == "*" and isinstance(left, int) != isinstance(right, int):
            sequence, count = (right, left) if isinstance(left, int) else (left, right)
            if hasattr(sequence, "__len__") and len(sequence) * count > _MAX_REPEATED:
                raise jinja2.TemplateError("a text grows too long")
        return super().call_binop(context, operator, left, right)


class _GenerationBlock(jinja2.ext.Extension):
    """``{% generation %}`` marks what the model wrote, for training; here its content simply counts."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as a plain set

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        """The content of the block."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@contextmanager
def limited() -> Iterator[None]:
    """Hold a block of template code to the limits.

    Raises:
        TemplateTimeout: It took too long.
        MemoryError: It took too much memory.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    throw_into = ctypes.pythonapi.PyThreadState_SetAsyncExc
    lock = threading.Lock()
    done = False

    def throw() -> None:
        with lock:
            if not done:
                throw_into(thread, ctypes.py_object(TemplateTimeout))

    timer = threading.Timer(TIME_LIMIT_SECONDS, throw)
    timer.daemon = True
    timer.start()
    # A watchdog in C: it ends the process even when Python itself is stuck in one operation.
    faulthandler.dump_traceback_later(HARD_LIMIT_SECONDS, exit=True)
    try:
        with growth_limited(MEMORY_LIMIT_BYTES):
            yield
    finally:
        # Under the lock, and withdrawn, so that the exception cannot arrive after this block was left.
        with lock:
            done = True
            throw_into(thread, None)
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()


def _raise_exception(message: object) -> NoReturn:
    raise jinja2.TemplateError(str(message)[:500])


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes HTML, which no model was trained on.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
