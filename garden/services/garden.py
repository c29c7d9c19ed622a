"""The program: every service, and its life. Front ends open it and know nothing of what is below."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from garden.core.events import SpeedsChanged
from garden.services.services import Services

if TYPE_CHECKING:
    from garden.services.library import LibraryService


class Garden(Services):
    """Everything a front end needs: its services, from the opening to the end."""

    @classmethod
    def open(cls, *, work_offline: bool = False, notes_optional: bool = False) -> Garden:
        """Open it, the databases first; ``close`` it, or use it as a context manager.

        Raises:
            StateError: The user's database cannot be opened; nothing was changed.
        """
        garden = cls(work_offline=work_offline, notes_optional=notes_optional)
        garden.open_databases()
        return garden

    def open_databases(self) -> None:
        """Open what a window opens only after its first paint.

        Raises:
            StateError: The user's database cannot be opened; nothing was changed.
        """
        assert self._work is not None
        assert self._index is not None

    def _on_index_lost(self) -> None:
        """List again what lies on the disk, where a list was asked for."""
        library: LibraryService | None = self.__dict__.get("library")
        if library is not None:
            library.scan()

    def tend(self) -> None:
        """What a window does once after its start: take up what closing had paused, keep a copy of the database."""
        # Whoever can make paused work again has to be there first.
        workshop, activity = self.workshop, self.activity
        assert self.backends is not None
        activity.be_patient()
        activity.resume_paused_at_close()
        self._pool.submit(lambda _cancelled: self._work.make_daily_copy())
        self._pool.submit(lambda _cancelled: workshop.sweep())
        self.library.upstream.check_seldom()

    @property
    def recovery(self) -> str | None:
        """What was done about damage found in the user's database; None when there was none."""
        return self._work.recovery

    def changed_elsewhere(self) -> bool:
        """Whether another window or command has written the user's database since the last call.

        What it measured is taken over, and an engine that came, went or was built anew is probed and announced.
        """
        changed = self._work.changed_elsewhere()
        if changed:
            if "_opened_conversations" in self.__dict__:
                self._opened_conversations.find_files()
            self._held.reread()
            if self._held.take_news():
                self.machine.tell()
            self.reread_speeds()
        if self.machine.engine_changed():
            self.machine.refresh()
        return changed

    def reread_speeds(self) -> None:
        """Take over what other programs of Garden have measured; announced where it is news. Waits for the disk."""
        # Both are read, whichever has news.
        if self._measured.reread() | self.calibration.reread():
            self.bus.publish(SpeedsChanged())

    def close(self) -> None:
        """Stop everything: answers, jobs (those that can go on are kept as paused), children, databases."""
        made: dict[str, Any] = self.__dict__
        for name in ("compare", "activity", "_runs", "_turns", "_replays", "_pool", "_hub", "_index", "_work"):
            if name in made:
                made[name].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
