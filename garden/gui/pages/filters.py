"""The filters of Discover: what each offers, and what of a query it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from garden.core.catalog import LANGUAGES
from garden.core.licence import LicenceClass
from garden.core.model_query import ModelQuery
from garden.core.model_traits import ArchitectureKind
from garden.core.quantity import format_parameters
from garden.gui.viewmodels.wording import kind_word, license_class_word, license_name, task_name

#: Fields of a query and what they are set to.
Change = Mapping[str, Any]

_BILLION = 1_000_000_000

_TASKS = (
    "text-generation",
    "image-text-to-text",
    "any-to-any",
    "translation",
    "summarization",
    "feature-extraction",
    "text-ranking",
    "automatic-speech-recognition",
    "text-to-speech",
    "text-to-image",
)
_LICENSES = ("apache-2.0", "mit", "gemma", "llama3.1", "llama3.2", "llama3.3", "cc-by-nc-4.0")
_SIZES = (
    (None, 1),
    (None, 2),
    (None, 4),
    (None, 9),
    (None, 15),
    (None, 35),
    (None, 75),
    (1, 4),
    (4, 9),
    (9, 15),
    (15, 35),
    (35, None),
    (75, None),
)
_QUANTS = (
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q4_K_M",
    "Q4_0",
    "IQ4_XS",
    "Q3_K_M",
    "IQ3_XXS",
    "Q2_K",
    "IQ2_M",
    "MXFP4_MOE",
    "BF16",
    "F16",
)
_AGES = ((7, "last week"), (30, "last month"), (90, "last 3 months"), (365, "last year"))
_LANGUAGES_FIRST = ("en", "zh", "de", "fr", "es", "pt", "it", "ja", "ko", "ru", "ar", "hi", "multilingual")


@dataclass(frozen=True, slots=True)
class Filter:
    """One chip.

    Attributes:
        key: Part of its objectName.
        label: On the chip.
        fields: Fields of a query that it sets.
        choices: Title and change of each choice; a title of None begins another group.
        title: What of a query it shows; None when it is not set.
        says_any: Whether it says ``any`` when it is not set.
    """

    key: str
    label: str
    fields: tuple[str, ...]
    choices: tuple[tuple[str, Change], ...]
    title: Callable[[ModelQuery], str | None]
    says_any: bool = False

    def cleared(self, query: ModelQuery) -> ModelQuery:
        """The query without this filter."""
        plain = ModelQuery()
        return dataclasses.replace(query, **{name: getattr(plain, name) for name in self.fields})

    def chosen(self, query: ModelQuery, change: Change) -> ModelQuery:
        """The query with this choice in the place of another."""
        return dataclasses.replace(self.cleared(query), **change)


def _license_title(query: ModelQuery) -> str | None:
    if query.license_class is not None:
        return license_class_word(query.license_class)
    return license_name(query.license) if query.license else None


def size_title(low: int | None, high: int | None) -> str | None:
    """``up to 9B``, ``4B to 9B``, ``from 35B``; None for any size."""
    least, most = (format_parameters(limit).replace(".0B", "B") if limit else None for limit in (low, high))
    if least and most:
        return f"{least} to {most}"
    if most:
        return f"up to {most}"
    return f"from {least}" if least else None


def _age_title(query: ModelQuery) -> str | None:
    if query.updated_days is None:
        return None
    return dict(_AGES).get(query.updated_days, f"last {query.updated_days} days")


def _gated_title(query: ModelQuery) -> str | None:
    return None if query.gated is None else ("with consent" if query.gated else "open to all")


def _sizes() -> tuple[tuple[str, Change], ...]:
    limits = [(low and low * _BILLION, high and high * _BILLION) for low, high in _SIZES]
    return tuple((size_title(low, high) or "", {"min_parameters": low, "max_parameters": high}) for low, high in limits)


def _languages() -> tuple[tuple[str, Change], ...]:
    rest = sorted((code for code in LANGUAGES if code not in _LANGUAGES_FIRST), key=LANGUAGES.__getitem__)
    return tuple((LANGUAGES[code], {"language": code}) for code in (*_LANGUAGES_FIRST, *rest))


#: In the order of the bar, behind "Runs here".
FILTERS = (
    Filter(
        "task",
        "Task",
        ("task",),
        tuple((task_name(task), {"task": task}) for task in _TASKS),
        lambda query: task_name(query.task) if query.task else None,
        says_any=True,
    ),
    Filter(
        "licence",
        "Licence",
        ("license", "license_class"),
        (
            *((license_class_word(each), {"license_class": each}) for each in LicenceClass),
            *((license_name(each), {"license": each}) for each in _LICENSES),
        ),
        _license_title,
        says_any=True,
    ),
    Filter(
        "parameters",
        "Parameters",
        ("min_parameters", "max_parameters"),
        _sizes(),
        lambda query: size_title(query.min_parameters, query.max_parameters),
        says_any=True,
    ),
    Filter(
        "architecture",
        "Architecture",
        ("kind",),
        tuple((kind_word(each), {"kind": each}) for each in ArchitectureKind),
        lambda query: kind_word(query.kind) if query.kind else None,
    ),
    Filter(
        "quant",
        "Quant",
        ("quant_type",),
        tuple((each, {"quant_type": each}) for each in _QUANTS),
        lambda query: query.quant_type,
    ),
    Filter(
        "language",
        "Language",
        ("language",),
        _languages(),
        lambda query: LANGUAGES.get(query.language, query.language) if query.language else None,
    ),
    Filter(
        "gated",
        "Gated",
        ("gated",),
        (("open to all", {"gated": False}), ("with consent", {"gated": True})),
        _gated_title,
    ),
    Filter(
        "mine",
        "Mine",
        ("mine",),
        (("my account and organisations", {"mine": True}),),
        lambda query: "all" if query.mine else None,
    ),
    Filter("author", "Author", ("author",), (), lambda query: query.author),
    Filter(
        "updated",
        "Updated",
        ("updated_days",),
        tuple((title, {"updated_days": days}) for days, title in _AGES),
        _age_title,
    ),
)


def described(query: ModelQuery) -> str:
    """A search in a line: its words, its filters, its order."""
    parts = [f"“{query.text}”"] if query.text else []
    parts += ["Runs here"] if query.runs_here else []
    for each in FILTERS:
        if (title := each.title(query)) is not None:
            parts.append(title if each.key in ("task", "licence", "architecture", "quant") else f"{each.label} {title}")
    if query.sort != "trending":
        parts.append(f"by {query.sort.replace('_', ' ')}")
    return " · ".join(parts) or "Everything"
