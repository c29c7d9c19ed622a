"""An attribute that is made at its first use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, Self, TypeVar, overload

T = TypeVar("T")


class Makes(Protocol):
    """What has such attributes."""

    @property
    def making(self) -> Mapping[str, threading.RLock]:
        """A lock for each of them, held while it is made."""


class MadeOnce(Generic[T]):
    """An attribute that is made at its first use, once, whichever thread asks first."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, having: None, owner: type) -> Self: ...
    @overload
    def __get__(self, having: Makes, owner: type) -> T: ...
    def __get__(self, having: Makes | None, owner: type) -> Self | T:
        if having is None:
            return self
        # A lock of its own: what needs no database must not wait for one that opens slowly. Services need each other
        # in one direction only, so these locks are always taken in the same order.
        with having.making[self._name]:
            made: dict[str, Any] = having.__dict__
            if self._name not in made:
                # Found there from now on: an instance's own attribute comes before this one.
                made[self._name] = self._make(having)
            value: T = made[self._name]
            return value
