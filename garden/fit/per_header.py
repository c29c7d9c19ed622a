"""Results that depend on a header alone, computed once for each header object."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from garden.gguf.header import GgufHeader

ResultT = TypeVar("ResultT")


class PerHeader(Generic[ResultT]):
    """A pure function of a header that remembers its results for as long as the header lives.

    Forecasts are made anew at each move of a slider; what the header says does not change in between.

    Args:
        function: Computes the result.
    """

    def __init__(self, function: Callable[[GgufHeader], ResultT]) -> None:
        self._function = function
        self._results: dict[int, tuple[weakref.ref[GgufHeader], ResultT]] = {}

    def __call__(self, header: GgufHeader) -> ResultT:
        """The result for this header."""
        key = id(header)
        known = self._results.get(key)
        # A number may be used again after an object is gone, so that the object itself is compared.
        if known is not None and known[0]() is header:
            return known[1]
        result = self._function(header)
        self._results[key] = (weakref.ref(header, lambda _gone: self._results.pop(key, None)), result)
        return result
