"""What Garden keeps: two databases, and what lies in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from garden.core.paths import cache_dir, data_dir
from garden.services.made_once import MadeOnce

if TYPE_CHECKING:
    from garden.core.errors import GardenError
    from garden.store.conversations import Conversations
    from garden.store.index_database import IndexDatabase
    from garden.store.loaded_models import LoadedModels
    from garden.store.memory_database import MemoryDatabase
    from garden.store.migrations import Migration
    from garden.store.model_use import ModelUses
    from garden.store.moved_files import MovedFiles
    from garden.store.receipts import Receipts
    from garden.store.speeds import Speeds
    from garden.store.summaries import Summaries
    from garden.store.work_database import WorkDatabase

T = TypeVar("T")


class Stores:
    """The ground of the composition root: databases, opened when they are first asked for.

    Args:
        notes_optional: Go on without notes when a database cannot be opened, e.g. on a full disk.

    Attributes:
        making: A lock for each part that is made once, held while it is made.
        trouble: Why nothing can be noted, None while everything is.
    """

    def __init__(self, *, notes_optional: bool) -> None:
        self._notes_optional = notes_optional
        self.trouble: GardenError | None = None
        classes = type(self).__mro__
        names = {name for kind in classes for name, made in vars(kind).items() if isinstance(made, MadeOnce)}
        self.making = {name: threading.RLock() for name in names}

    @MadeOnce
    def _work(self) -> WorkDatabase | MemoryDatabase:
        from garden.store.migrations import WORK_MIGRATIONS
        from garden.store.work_database import WorkDatabase

        return self._opened(WorkDatabase, data_dir() / "work.sqlite", WORK_MIGRATIONS)

    @MadeOnce
    def _index(self) -> IndexDatabase | MemoryDatabase:
        from garden.store.index_database import IndexDatabase
        from garden.store.migrations import INDEX_MIGRATIONS

        def opened(path: Path) -> IndexDatabase:
            return IndexDatabase(path, on_lost=self._on_index_lost)

        return self._opened(opened, cache_dir() / "index.sqlite", INDEX_MIGRATIONS)

    def _on_index_lost(self) -> None:
        """What the index held is gone; whoever shows any of it has it read again."""

    def _opened(self, kind: Callable[[Path], T], path: Path, migrations: Sequence[Migration]) -> T | MemoryDatabase:
        from garden.core.errors import DiskFullError, StateError
        from garden.store.database import NewerError

        try:
            return kind(path)
        except (DiskFullError, StateError) as error:
            if not self._notes_optional or isinstance(error, NewerError):
                raise
            from garden.store.memory_database import MemoryDatabase

            self.trouble = self.trouble or error
            return MemoryDatabase(path, migrations)

    @MadeOnce
    def _summaries(self) -> Summaries:
        from garden.store.summaries import Summaries

        return Summaries(self._index)

    @MadeOnce
    def _speeds(self) -> Speeds:
        from garden.store.speeds import Speeds

        return Speeds(self._work)

    @MadeOnce
    def _receipts(self) -> Receipts:
        from garden.store.receipts import Receipts

        return Receipts(self._work)

    @MadeOnce
    def _uses(self) -> ModelUses:
        from garden.store.model_use import ModelUses

        return ModelUses(self._work)

    @MadeOnce
    def _conversations(self) -> Conversations:
        from garden.store.conversations import Conversations

        return Conversations(self._work)

    @MadeOnce
    def _moved(self) -> MovedFiles:
        from garden.store.moved_files import MovedFiles

        return MovedFiles(self._work)

    @MadeOnce
    def _loaded(self) -> LoadedModels:
        from garden.store.loaded_models import LoadedModels

        return LoadedModels(self._work)
