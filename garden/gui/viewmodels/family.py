"""The family of a model as one list: up to where it comes from, then what was made of it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QAbstractListModel, QObject, Qt

from garden.core.model_family import Ancestor, ModelFamily, Relation
from garden.gui.viewmodels.asked_when_seen import AskedWhenSeen
from garden.gui.viewmodels.model_index import ROOT, Index, count_below, row_at
from garden.gui.viewmodels.model_list import ModelRole
from garden.gui.viewmodels.wording import verdict_word
from garden.services.runnable_elsewhere import why_nothing_runs

if TYPE_CHECKING:
    from garden.core.catalog import ModelSummary, Repository
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden
    from garden.services.rated_model import RatedModel

_Found = TypeVar("_Found")

_STEPS = {
    Relation.FINETUNE: "Fine-tuned",
    Relation.ADAPTER: "An adapter of it",
    Relation.MERGE: "Merged",
    Relation.QUANTIZED: "Quantized",
    None: "Made from it",
}

_GROUPS = {
    Relation.FINETUNE: "Fine-tunes",
    Relation.ADAPTER: "Adapters",
    Relation.MERGE: "Merges",
    Relation.QUANTIZED: "Quantizations",
}


class FamilyRole(enum.IntEnum):
    """What a row gives beside what rows of models give."""

    ROW = Qt.ItemDataRole.UserRole + 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRow:
    """One line: a heading, a model, or a model of which only the name is known.

    Attributes:
        title: Heading, or the name of a model that could not be read.
        rated: The model, None for the others.
        repo_id: What a click opens; empty for headings, and for what cannot be opened.
        is_heading: Whether it heads the rows below.
        is_self: Whether it is the repository that is open.
    """

    title: str
    rated: RatedModel | None = None
    repo_id: str = ""
    is_heading: bool = False
    is_self: bool = False


class FamilyModel(QAbstractListModel):
    """The rows."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[FamilyRow, ...] = ()

    def replace(self, rows: Sequence[FamilyRow]) -> None:
        """Show another family."""
        self.beginResetModel()
        self.rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        """Number of rows."""
        return count_below(self.rows, parent)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Headings can be neither selected nor reached by keys."""
        row = row_at(self.rows, index)
        if row is None or row.is_heading:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """What a row says."""
        row = row_at(self.rows, index)
        if row is None:
            return None
        match role:
            case FamilyRole.ROW:
                return row
            case ModelRole.RATED:
                return row.rated
            case ModelRole.REPO_ID:
                return row.repo_id
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return _spoken(row)
        return None


class RelativesViewModel(AskedWhenSeen):
    """Relatives of the repository that is open.

    Args:
        pump: Brings answers to the Qt thread.
        ask: Asks for them.
        rows_of: What is shown of them, for the repository of this id.
        parent: Qt parent.
    """

    def __init__(
        self,
        pump: EventPump,
        ask: Callable[[Repository], Handle[_Found]],
        rows_of: Callable[[str, _Found], Iterable[FamilyRow]],
        parent: QObject | None = None,
    ) -> None:
        def keep(found: _Found | None) -> None:
            if found is None or self.repository is None:
                self.rows.replace(())
            else:
                self.rows.replace(tuple(rows_of(self.repository.summary.repo_id, found)))

        super().__init__(pump, ask, keep, parent)
        self.rows = FamilyModel(self)


def whole_family(garden: Garden, pump: EventPump, parent: QObject | None = None) -> RelativesViewModel:
    """The family of the repository that is open."""
    return RelativesViewModel(
        pump,
        lambda repository: garden.catalog.families.family(repository.summary.repo_id),
        lambda _repo_id, family: family_rows(family, garden.catalog.rated),
        parent,
    )


class QuantizationsViewModel(RelativesViewModel):
    """What can be run of a repository that holds nothing that can."""

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(
            pump,
            lambda repository: garden.catalog.families.quantizations(repository.summary.repo_id),
            lambda repo_id, models: _quantization_rows(repo_id, models, garden.catalog.rated),
            parent,
        )
        self._garden = garden

    def why(self, repository: Repository) -> str:
        """Why nothing in it runs: one sentence."""
        return why_nothing_runs(repository, self._garden.catalog.rated(repository.summary).forecast)


def _quantization_rows(
    repo_id: str, models: Sequence[ModelSummary], rated: Callable[[ModelSummary], RatedModel]
) -> Iterator[FamilyRow]:
    if models:
        yield _heading(f"GGUF versions of {repo_id}")
    yield from (_relative(model, rated) for model in models)


def family_rows(family: ModelFamily, rated: Callable[[ModelSummary], RatedModel]) -> Iterator[FamilyRow]:
    """The oldest ancestor first, down to the model itself, then what was made of its trunk, by kind."""
    steps = tuple(reversed(family.generations))
    for number, parents in enumerate(steps):
        yield _heading("Comes from" if number == 0 else _STEPS[steps[number - 1][0].relation])
        yield from (_ancestor(parent, rated) for parent in parents)
    if steps:
        yield _heading(_STEPS[steps[-1][0].relation])
        yield FamilyRow(title=family.repo_id, is_self=True)
    for group in family.derivatives:
        models = [model for model in group.models if model.repo_id != family.repo_id]
        if models:
            more = ", those with the most downloads" if group.has_more else ""
            yield _heading(f"{_GROUPS[group.relation]} of {family.trunk}{more}")
            yield from (_relative(model, rated) for model in models)


def _ancestor(parent: Ancestor, rated: Callable[[ModelSummary], RatedModel]) -> FamilyRow:
    described = rated(parent.summary) if parent.summary is not None else None
    return FamilyRow(title=parent.repo_id, rated=described, repo_id=parent.repo_id)


def _relative(model: ModelSummary, rated: Callable[[ModelSummary], RatedModel]) -> FamilyRow:
    return FamilyRow(title=model.repo_id, rated=rated(model), repo_id=model.repo_id)


def _heading(title: str) -> FamilyRow:
    return FamilyRow(title=title, is_heading=True)


def _spoken(row: FamilyRow) -> str:
    if row.rated is None:
        return f"{row.title}, this repository" if row.is_self else row.title
    return f"{row.title}, {verdict_word(row.rated.forecast)}"
