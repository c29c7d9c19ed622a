"""Work that several may ask for at the same time: done once, and only as long as any of them waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from garden.core.errors import CancelledByUser
from garden.jobs.handle import Handle, as_garden_error
from garden.jobs.pool import TaskPool

T = TypeVar("T")
A = TypeVar("A")


@dataclass(eq=False, slots=True)
class _UnderWay(Generic[T]):
    """Work that is being done, and who waits for it."""

    cancelled: threading.Event
    waiting: list[_Asked[T]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Asked(Generic[T]):
    """One who asked; ``joined`` is the work that it waits for, None while it waits for a thread."""

    key: Hashable
    known: Callable[[], Any]
    work: Callable[[threading.Event], T]
    take: Callable[[T], Any]
    handle: Handle[Any] = field(init=False)
    task: Handle[None] = field(init=False)
    joined: _UnderWay[T] | None = None


class SharedWork(Generic[T]):
    """Runs work on a pool, one piece per key; who asks for the same meanwhile follows it without holding a thread.

    Args:
        pool: Where it runs.
        kept: So many results are kept for who asks later, the newest.
    """

    def __init__(self, pool: TaskPool, kept: int) -> None:
        self._pool = pool
        self._kept_at_most = kept
        self._kept: dict[Hashable, T] = {}
        self._under_way: dict[Hashable, _UnderWay[T]] = {}
        self._lock = threading.Lock()

    def submit(
        self,
        key: Hashable,
        known: Callable[[], A | None],
        work: Callable[[threading.Event], T],
        take: Callable[[T], A],
    ) -> Handle[A]:
        """Ask for what ``work`` gives, shared with all who ask with the same key.

        Args:
            key: Names the work.
            known: Gives the answer where it is at hand, else None; called first, on a thread of the pool.
            work: Done unless somebody else's is under way or kept. Where it fails, it fails for this caller alone:
                the next who waits does its own. It gets the event that is set when nobody waits any more.
            take: Makes this caller's answer of the result, its own or another caller's.

        Returns:
            A handle. Cancelling it ends it at once.
        """
        asked = _Asked(key, known, work, take)
        handle: Handle[A] = Handle(on_cancel=lambda: self._leave(asked))
        asked.handle = handle
        self._queue(asked)
        return handle

    def _queue(self, asked: _Asked[T]) -> None:
        def ended(task: Handle[None]) -> None:
            if task.error is not None:
                asked.handle.fail(task.error)

        task = self._pool.submit(lambda cancelled: self._begin(asked, cancelled))
        asked.task = task
        task.on_done(ended)

    def _begin(self, asked: _Asked[T], cancelled: threading.Event) -> None:
        answer = asked.known()
        if answer is not None:
            asked.handle.succeed(answer)
            return
        with self._lock:
            if asked.handle.cancelled.is_set():
                return
            kept = self._kept.get(asked.key)
            under_way = self._under_way.get(asked.key)
            # Work that everybody has left is about to end, and gives nothing.
            follows = under_way is not None and not under_way.cancelled.is_set()
            if kept is None:
                if under_way is None or not follows:
                    under_way = self._under_way[asked.key] = _UnderWay(cancelled)
                under_way.waiting.append(asked)
                asked.joined = under_way
        if kept is not None:
            asked.handle.succeed(asked.take(kept))
        elif under_way is not None and not follows:
            self._do(asked, under_way)

    def _do(self, asked: _Asked[T], under_way: _UnderWay[T]) -> None:
        try:
            result = asked.work(under_way.cancelled)
        except Exception as error:
            for other in self._end(asked.key, under_way):
                if other is asked or under_way.cancelled.is_set():
                    other.handle.fail(as_garden_error(error))
                else:
                    self._queue(other)
            return
        with self._lock:
            self._kept[asked.key] = result
            while len(self._kept) > self._kept_at_most:
                del self._kept[next(iter(self._kept))]
        for other in self._end(asked.key, under_way):
            self._answer(other, result)

    def _answer(self, asked: _Asked[T], result: T) -> None:
        asked.handle.run(lambda: asked.take(result))

    def _end(self, key: Hashable, under_way: _UnderWay[T]) -> list[_Asked[T]]:
        """Let nobody join any more; who has."""
        with self._lock:
            if self._under_way.get(key) is under_way:
                del self._under_way[key]
            waiting, under_way.waiting = under_way.waiting, []
            for asked in waiting:
                asked.joined = None
        return waiting

    def _leave(self, asked: _Asked[T]) -> None:
        with self._lock:
            joined, asked.joined = asked.joined, None
            if joined is not None:
                joined.waiting.remove(asked)
                if not joined.waiting:
                    joined.cancelled.set()
        if joined is None:
            asked.task.cancel()
        asked.handle.fail(CancelledByUser())
