"""What a user asks of the Hub's list of models, and how the Hub wants it asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from garden.core.errors import GardenError

#: Garden's words for the order of a list, and the Hub's.
SORTS = {
    "trending": "trendingScore",
    "downloads": "downloads",
    "likes": "likes",
    "updated": "lastModified",
    "created": "createdAt",
}

#: Fields of one row. All of a row comes with the list, so no row costs a request of its own. One name that the list
#: does not know makes the Hub refuse the whole request: ``baseModels`` was such a one (huggingface_hub#3182), and the
#: tags say the same.
_ROW_FIELDS = (
    "author",
    "createdAt",
    "downloads",
    "gated",
    "gguf",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "private",
    "safetensors",
    "siblings",
    "tags",
)

_MAX_TEXT = 200

#: Rows of one page at most.
MAX_LIMIT = 100


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question to the Hub's list of models.

    Attributes:
        text: Words that the repository's name must contain.
        task: The Hub's task, e.g. ``text-generation``; None for any.
        license: The Hub's licence id, e.g. ``apache-2.0``; None for any.
        author: User or organisation; None for any.
        max_parameters: Largest total of parameters; None for any.
        gguf_only: Only repositories with GGUF files.
        sort: ``trending``, ``downloads``, ``likes``, ``updated`` or ``created``.
        limit: Rows per page, 1 to 100.
        min_parameters: Smallest total of parameters; None for any.
        language: ISO 639 code among the card's languages; None for any.
        gated: Only models that need consent, or only others; None for both.
    """

    text: str = ""
    task: str | None = None
    license: str | None = None
    author: str | None = None
    max_parameters: int | None = None
    gguf_only: bool = True
    sort: str = "trending"
    limit: int = 30
    min_parameters: int | None = None
    language: str | None = None
    gated: bool | None = None

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The query string of ``GET /api/models``, in a stable order.

        Raises:
            GardenError: ``sort`` is not one of the words above.
        """
        if self.sort not in SORTS:
            raise GardenError(f"Models cannot be sorted by '{self.sort[:40]}'.", f"Choose one of: {', '.join(SORTS)}.")
        pairs: list[tuple[str, str]] = []
        if text := " ".join(self.text.split())[:_MAX_TEXT]:
            pairs.append(("search", text))
        if self.author:
            pairs.append(("author", self.author))
        if self.task:
            pairs.append(("pipeline_tag", self.task))
        if self.gguf_only:
            pairs.append(("filter", "gguf"))
        if self.license:
            pairs.append(("filter", f"license:{self.license}"))
        if self.language:
            pairs.append(("filter", self.language))
        if self.gated is not None:
            pairs.append(("gated", "true" if self.gated else "false"))
        if limits := self._limits():
            pairs.append(("num_parameters", limits))
        pairs.append(("sort", SORTS[self.sort]))
        pairs.append(("limit", str(max(1, min(self.limit, MAX_LIMIT)))))
        pairs.extend(("expand", field) for field in _ROW_FIELDS)
        return tuple(pairs)

    def _limits(self) -> str:
        """``min:500M,max:9B``, each rounded so that the limit itself still passes."""
        limits = []
        if self.min_parameters:
            limits.append(f"min:{_count(self.min_parameters, math.floor)}")
        if self.max_parameters:
            limits.append(f"max:{_count(self.max_parameters, math.ceil)}")
        return ",".join(limits)


def _count(parameters: int, rounded: Callable[[float], int]) -> str:
    """``9B``, ``1.5B``, ``500M`` as the Hub writes limits."""
    unit, letter = (1_000_000_000, "B") if parameters >= 1_000_000_000 else (1_000_000, "M")
    return f"{rounded(parameters / unit * 1000) / 1000:g}{letter}"
