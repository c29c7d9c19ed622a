"""Where a model comes from and what was made of it, as publishers tell the Hub."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from garden.core.catalog import ModelSummary


class Relation(enum.StrEnum):
    """How one model was made from another, in the Hub's own words."""

    FINETUNE = "finetune"
    ADAPTER = "adapter"
    MERGE = "merge"
    QUANTIZED = "quantized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """A model that another one says it was made from.

    Attributes:
        repo_id: ``owner/name``.
        relation: How the model below it was made from it, None when that is not told.
        summary: What the Hub says of it; None where it is gone, private, or did not answer.
    """

    repo_id: str
    relation: Relation | None = None
    summary: ModelSummary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivatives:
    """Models made from one model in one way.

    Attributes:
        relation: How.
        models: Those with the most downloads, the most first.
        has_more: Whether the Hub knows further ones.
    """

    relation: Relation
    models: tuple[ModelSummary, ...]
    has_more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFamily:
    """The family of a model.

    Attributes:
        repo_id: The model that was asked for.
        generations: Its ancestors: what it was made from, what that was made from, and so on. A merge has several
            parents; the way up goes on from the first of them.
        trunk: The model whose derivatives are told: itself, or the model that it is a quantization of, since nobody
            trains a quantization further.
        derivatives: Of the trunk, one for each relation that has any.
    """

    repo_id: str
    generations: tuple[tuple[Ancestor, ...], ...] = ()
    trunk: str
    derivatives: tuple[Derivatives, ...] = ()
