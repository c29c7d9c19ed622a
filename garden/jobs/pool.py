"""Short work off the caller's thread: searches, disk reads, headers. Long work belongs to the JobRunner."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from garden.core.errors import CancelledByUser
from garden.jobs.handle import Handle

T = TypeVar("T")


class TaskPool:
    """A few daemon threads that take submitted work in order. Safe to use from any thread.

    Threads start with the first work, so a pool that nobody uses costs nothing. Not concurrent.futures: its threads
    hold up the end of the process until the last search has timed out.

    Args:
        workers: Threads at most, ≥ 1.
        name: Prefix of the threads' names.
    """

    def __init__(self, workers: int, name: str = "task") -> None:
        self._size = max(1, workers)
        self._name = name
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._under_way: dict[str, Handle[Any]] = {}
        self._closed = False

    def submit(self, work: Callable[[threading.Event], T]) -> Handle[T]:
        """Queue work.

        Args:
            work: Called on a thread of the pool with the event that a cancel sets. What it returns is the handle's
                result; a GardenError is the handle's error, anything else is wrapped in one.

        Returns:
            A handle. Cancelling it before the work started ends it at once; later the work decides how to stop.
        """
        started = threading.Event()

        def drop() -> None:
            if not started.is_set():
                handle.fail(CancelledByUser())

        handle: Handle[T] = Handle(on_cancel=drop)
        with self._lock:
            if not self._closed:
                self._under_way[handle.id] = handle
                if len(self._under_way) > len(self._threads) < self._size:
                    self._start_thread()
                self._queue.put(lambda: self._run(handle, work, started))
                return handle
        handle.fail(CancelledByUser())
        return handle

    def close(self, timeout: float = 2.0) -> None:
        """Cancel everything, take no more work, and wait at most ``timeout`` seconds for the threads."""
        with self._lock:
            self._closed = True
            handles = tuple(self._under_way.values())
            threads = tuple(self._threads)
        for handle in handles:
            handle.cancel()
        for _ in threads:
            self._queue.put(None)
        deadline = time.monotonic() + timeout
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"{self._name}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while (step := self._queue.get()) is not None:
            step()

    def _run(self, handle: Handle[T], work: Callable[[threading.Event], T], started: threading.Event) -> None:
        started.set()
        try:
            if handle.cancelled.is_set():
                handle.fail(CancelledByUser())
            else:
                handle.run(lambda: work(handle.cancelled))
        finally:
            with self._lock:
                self._under_way.pop(handle.id, None)
