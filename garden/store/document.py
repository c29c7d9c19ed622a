"""Values as JSON text in a column, and back."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

import msgspec

from garden.core.errors import StateError

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Store(Protocol):
    """A database as the repositories use it."""

    def read(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """A connection for SELECT."""

    def write(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """A transaction."""


def to_document(value: Any) -> str:
    """JSON text of a value; half characters, which no file can hold, become question marks."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_storable(msgspec.to_builtins(value))).decode()


def from_document(document: str | bytes, kind: type[T]) -> T:
    """The value of a JSON text.

    Raises:
        StateError: The text is not such a value: damaged, or of another version.
    """
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError("A stored record could not be read.", "It is left as it is.", str(error)) from error


def readable_documents(rows: Iterable[tuple[str | bytes]], kind: type[T]) -> Iterator[T]:
    """The values of rows that can be read; one that cannot costs itself alone, and is told in the log."""
    for (document,) in rows:
        try:
            yield from_document(document, kind)
        except StateError as error:
            _log.warning("A %s was left out: %s", kind.__name__, error.detail)


def storable_text(text: str) -> str:
    """The text with half characters (lone surrogates) as question marks, since SQLite stores UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _storable(value: Any) -> Any:
    match value:
        case str():
            return storable_text(value)
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            return value
