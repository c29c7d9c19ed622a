"""What a model was made from, and how, read from the Hub's tags."""

from __future__ import annotations

from garden.core.catalog import ModelSummary
from garden.core.model_family import Ancestor, Relation
from garden.hub.address import is_repo_id

_TAG = "base_model:"


def parents(summary: ModelSummary) -> tuple[Ancestor, ...]:
    """Models that it was made from, each with how where that is told.

    ``base_model:quantized:owner/name`` says both, ``base_model:owner/name`` only from what.
    """
    relations: dict[str, Relation | None] = dict.fromkeys(summary.base_models)
    for tag in summary.tags:
        how, _, repo_id = tag.removeprefix(_TAG).partition(":")
        if tag.startswith(_TAG) and is_repo_id(repo_id) and how in frozenset(Relation):
            relations[repo_id] = Relation(how)
    return tuple(
        Ancestor(repo_id=repo_id, relation=relation)
        for repo_id, relation in relations.items()
        if repo_id != summary.repo_id
    )


def derived_from(repo_id: str, relation: Relation) -> str:
    """The tag of models that were made from one in this way; the Hub's list filters by it."""
    return f"{_TAG}{relation.value}:{repo_id}"
