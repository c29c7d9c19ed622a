"""Families of models: from a base model to its derivatives, and from any of them up to what it was made from."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garden.core.catalog import ModelSummary
from garden.core.errors import GardenError
from garden.core.model_family import Ancestor, Derivatives, ModelFamily, Relation
from garden.hub.base_models import parents
from garden.jobs.handle import Handle

if TYPE_CHECKING:
    from garden.hub.client import HubClient
    from garden.jobs.pool import TaskPool
    from garden.services.answers_seen import AnswersSeen
    from garden.services.hub_access import HubAccess

#: Steps up at most: publishers name no more than three or four, and a circle would go on for ever.
_GENERATIONS = 6

#: Parents of a merge that are shown; only of the first one more is asked.
_PARENTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A family as it is kept, with the row of the repository itself: it says whether others may know of it."""

    own: ModelSummary
    family: ModelFamily


class FamilyService:
    """Asks the Hub for families: one request for each step up, one for each kind of derivative.

    Args:
        hub: The Hub.
        pool: Runs requests.
        answers: Keeps what was told, for offline.
    """

    def __init__(self, hub: HubAccess, pool: TaskPool, answers: AnswersSeen) -> None:
        self._hub = hub
        self._pool = pool
        self._answers = answers

    def family(self, repo_id: str) -> Handle[ModelFamily]:
        """The family of a repository.

        The handle fails when the repository itself cannot be read; an ancestor that cannot is there without more.
        """

        def asked(cancelled: threading.Event) -> _Told:
            client = self._hub.client()
            summary = client.repository(repo_id, cancelled=cancelled).summary
            generations = _generations(client, summary, cancelled)
            trunk = _trunk(summary.repo_id, generations)
            found = (_derivatives(client, trunk, relation, cancelled) for relation in Relation)
            family = ModelFamily(
                repo_id=summary.repo_id,
                generations=generations,
                trunk=trunk,
                derivatives=tuple(group for group in found if group.models),
            )
            return _Told(own=summary, family=family)

        def work(cancelled: threading.Event) -> ModelFamily:
            return self._answers.ask(repo_id, "family", _Told, lambda: asked(cancelled), _is_private).family

        return self._pool.submit(work)

    def quantizations(self, repo_id: str, limit: int = 12) -> Handle[tuple[ModelSummary, ...]]:
        """Repositories with GGUF files that were made from this one, the best first.

        The publisher's own come before others, then those with the most downloads.
        """

        def asked(cancelled: threading.Event) -> tuple[ModelSummary, ...]:
            page = self._hub.client().derivatives(repo_id, Relation.QUANTIZED, 100, cancelled)
            author = repo_id.partition("/")[0]
            found = sorted(
                (row for row in page.items if row.has_gguf),
                key=lambda row: (row.author != author, -(row.downloads or 0)),
            )
            return tuple(found[:limit])

        def work(cancelled: threading.Event) -> tuple[ModelSummary, ...]:
            kind = tuple[ModelSummary, ...]
            return self._answers.ask(repo_id, "quantizations", kind, lambda: asked(cancelled), _may_be_private)

        return self._pool.submit(work)


def _is_private(told: _Told) -> bool:
    family = told.family
    parents_known = (parent.summary for parents_ in family.generations for parent in parents_)
    made = (row for group in family.derivatives for row in group.models)
    return told.own.private or any(row.private for row in (*parents_known, *made) if row is not None)


def _may_be_private(rows: tuple[ModelSummary, ...]) -> bool:
    # Only public derivatives show that others know of the repository itself.
    return not rows or any(row.private for row in rows)


def _generations(
    client: HubClient, summary: ModelSummary, cancelled: threading.Event
) -> tuple[tuple[Ancestor, ...], ...]:
    generations: list[tuple[Ancestor, ...]] = []
    known, below = {summary.repo_id}, summary
    while len(generations) < _GENERATIONS:
        named = [ancestor for ancestor in parents(below) if ancestor.repo_id not in known][:_PARENTS]
        if not named:
            break
        known |= {ancestor.repo_id for ancestor in named}
        first = _described(client, named[0], cancelled)
        generations.append((first, *named[1:]))
        if first.summary is None:
            break
        below = first.summary
    return tuple(generations)


def _described(client: HubClient, ancestor: Ancestor, cancelled: threading.Event) -> Ancestor:
    try:
        return dataclasses.replace(ancestor, summary=client.repository(ancestor.repo_id, cancelled=cancelled).summary)
    except GardenError:
        if cancelled.is_set():
            raise
        return ancestor


def _trunk(repo_id: str, generations: tuple[tuple[Ancestor, ...], ...]) -> str:
    trunk = repo_id
    for first, *_others in generations:
        if first.relation is not Relation.QUANTIZED:
            break
        trunk = first.repo_id
    return trunk


def _derivatives(client: HubClient, repo_id: str, relation: Relation, cancelled: threading.Event) -> Derivatives:
    page = client.derivatives(repo_id, relation, cancelled=cancelled)
    # A filter that a mirror does not know gives everything there is.
    made = tuple(row for row in page.items if any(parent.repo_id == repo_id for parent in parents(row)))
    return Derivatives(relation=relation, models=made, has_more=page.cursor is not None)
