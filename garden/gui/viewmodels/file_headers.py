"""Headers of a repository's files: read two at a time, the one that most people take first."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.errors import CancelledByUser, GardenError, GatedError

if TYPE_CHECKING:
    from garden.core.catalog import Repository, RepositoryFile
    from garden.gguf.header import GgufHeader
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden

#: Headers read at the same time; each is one or more requests to the Hub.
_AT_ONCE = 2


class FileHeaders(QObject):
    """Reads the headers of one repository after another.

    Attributes:
        known: What was read, by the name of the file.
        sketch: Stands for all that was not, None until the first keys of one file are known.
        gated: Why none may be read before the publisher was asked; None while any may.

    Signals:
        came: A header (the name of its file), or the stand-in (an empty name).
        failed: One could not be read: the name of the file, and why.
        barred: None may be read (``gated``).
    """

    came = Signal(str)
    failed = Signal(str, str)
    barred = Signal()

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._unread: deque[RepositoryFile] = deque()
        self._reading: dict[str, Handle[GgufHeader]] = {}
        self._repository: Repository | None = None
        self.known: dict[str, GgufHeader] = {}
        self.sketch: GgufHeader | None = None
        self.gated: GatedError | None = None

    @property
    def whole(self) -> bool:
        """Whether every header was read, or could not be."""
        return not self._unread and not self._reading

    def forget(self) -> None:
        """Stop reading."""
        for handle in self._reading.values():
            handle.cancel()
        self._reading.clear()
        self._unread.clear()
        self._repository = self.sketch = self.gated = None
        self.known = {}

    def read(self, repository: Repository, files: Sequence[RepositoryFile]) -> None:
        """Begin to read the headers of these files."""
        self.forget()
        self._repository = repository
        # The middle of the ladder is what most people take: its header comes first.
        self._unread.extend(sorted(files, key=lambda file: (file.quant_type != "Q4_K_M", file.size_bytes)))
        self._go_on()

    def _go_on(self) -> None:
        while self._repository is not None and self._unread and len(self._reading) < _AT_ONCE:
            self._begin(self._repository, self._unread.popleft())

    def _begin(self, repository: Repository, file: RepositoryFile) -> None:
        from garden.jobs.handle import Handle

        sketch: Handle[GgufHeader] = Handle()
        handle = self._reading[file.filename] = self._garden.fit.remote_header(
            repository, file, sketched=sketch.succeed
        )
        # Only the first file of a repository has one; for the others this ends without a result.
        handle.on_done(lambda _header: sketch.fail(CancelledByUser()))
        self._pump.watch(sketch, lambda header: self._on_sketch(repository, header), lambda _: None, receiver=self)
        self._pump.watch(
            handle,
            lambda header: self._on_header(file.filename, handle, header),
            lambda error: self._on_failed(file.filename, handle, error),
            receiver=self,
        )

    def _on_sketch(self, repository: Repository, sketch: GgufHeader) -> None:
        if self._repository is repository:
            self.sketch = sketch
            self.came.emit("")

    def _on_header(self, filename: str, handle: Handle[GgufHeader], header: GgufHeader) -> None:
        if self._reading.get(filename) is not handle:
            return
        del self._reading[filename]
        self.known[filename] = header
        self._go_on()
        self.came.emit(filename)

    def _on_failed(self, filename: str, handle: Handle[GgufHeader], error: GardenError) -> None:
        if self._reading.get(filename) is not handle:
            return
        del self._reading[filename]
        if isinstance(error, GatedError):
            # So are all of them: each would be one more request in vain.
            barred, self.gated = self.gated is None, error
            unread = [filename, *(file.filename for file in self._unread)]
            self._unread.clear()
            for name in unread:
                self.failed.emit(name, error.sentence)
            if barred:
                self.barred.emit()
            return
        self._go_on()
        if not isinstance(error, CancelledByUser):
            self.failed.emit(filename, error.sentence)
