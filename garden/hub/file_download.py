"""One file from the Hub into the cache: resumed where it stopped, never seen before its hash was checked."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from garden.core.errors import ChangedUpstreamError, GardenError, IntegrityError, RateLimitedError
from garden.core.lasting_rename import sync_folder
from garden.core.quantity import format_bytes, format_duration
from garden.core.write_failure import write_failure
from garden.hub.blob_hash import BlobHash, hash_file
from garden.hub.blob_store import BlobStore, writing
from garden.hub.connection import HubConnection, translated
from garden.hub.patience import Attempts, Patience, WrongAnswerError
from garden.hub.resolved_file import ResolvedFile, promised_hash
from garden.hub.room import check_reserve
from garden.hub.steering import Steering
from garden.hub.xet import XetBytes

if TYPE_CHECKING:
    import httpx2

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")

#: The disk is looked at after so many bytes.
_ROOM_LOOK_BYTES = 4 * 1024 * 1024

#: Told bytes of this file that are here, and what is being done ("" while bytes come).
Report = Callable[[int, str], None]


class FileDownload:
    """Fetches one file.

    Args:
        connection: The Hub.
        store: The repository's folder in the cache.
        file: What the Hub promised.
        report: Progress.
        cancelled: Looked at between pieces and during every wait.
        patience: Waiting times.
        steering: Pace, and pauses that the Hub asked for.
        xet: Where the bytes come from when the Hub does not send them itself.

    Attributes:
        fetched: Whether bytes of it came over the network.
        completed: Whether it was not here whole before.
    """

    def __init__(
        self,
        connection: HubConnection,
        store: BlobStore,
        file: ResolvedFile,
        report: Report,
        cancelled: threading.Event,
        patience: Patience,
        steering: Steering | None = None,
        xet: XetBytes | None = None,
    ) -> None:
        self._xet = xet
        self._connection = connection
        self._store = store
        self._file = file
        self._report = report
        self._cancelled = cancelled
        self._patience = patience
        self._steering = steering or Steering(cancelled)
        self.fetched = self.completed = False
        self._blob = store.blob(file.etag)
        self._part = store.part(file.etag)
        self._subject = connection.subject(store.repo_id, file.commit, file.filename)
        self._hash = BlobHash(file.etag, file.size_bytes)
        self._done = 0
        self._furthest = 0
        #: Bytes at the head of the answer that are here already, from a server that knows no ranges.
        self._skip = 0
        self._unchecked = 0

    def run(self) -> str:
        """Have the file in the cache, verified and found by its name.

        Returns:
            Its SHA-256.

        Raises:
            IntegrityError: The bytes are not what was promised; they were discarded.
            DiskFullError: The disk is full; what came is kept.
            CancelledByUser: ``cancelled`` was set; what came is kept.
            GardenError: Trying again did not help; what came is kept.
        """
        self._store.prepare()
        with self._store.lock(self._file.etag, self._cancelled, self._tell_of_other):
            if not self._is_here():
                self._fetch()
            self._store.link(self._file.etag, self._file.commit, self._file.filename)
        return self._hash.sha256

    def _tell_of_other(self) -> None:
        with contextlib.suppress(OSError):
            self._done = self._part.stat().st_size
        self._report(self._done, "Another program is fetching this file; waiting for it")

    def _is_here(self) -> bool:
        """Whether the verified bytes lie in the cache; a blob that is not what its name says does not count."""
        for path in (self._blob, self._store.pointer(self._file.commit, self._file.filename)):
            # Without links the blob itself lies where its pointer would be.
            if path == self._blob or (path.is_file() and not path.is_symlink()):
                with contextlib.suppress(OSError):
                    self._read_into_hash(path, "Checking the copy that is here")
                    if self._done == self._file.size_bytes and self._hash.matches:
                        return True
        return False

    def _fetch(self) -> None:
        attempts = Attempts(self._patience, self._cancelled)
        with self._open_part() as part:
            inherited = self._take_over_part(part)
            while True:
                try:
                    self._receive_all(part, attempts)
                    self._check_promise()
                    break
                except ChangedUpstreamError:
                    # Another promise, not other bytes: what came is still good for the old one.
                    raise
                except IntegrityError:
                    self._start_over(part)
                    if not inherited:
                        self._part.unlink(missing_ok=True)
                        raise
                    # What an earlier run left may have been damaged on the disk: one fresh try of the whole.
                    inherited = False
                    self._report(0, "The part from an earlier run was damaged; starting over")
            with writing(self._store.cache_dir):
                os.fsync(part.fileno())
        with writing(self._store.cache_dir):
            self._part.replace(self._blob)
        sync_folder(self._blob.parent)
        self.completed = True

    @contextlib.contextmanager
    def _open_part(self) -> Iterator[BinaryIO]:
        with writing(self._store.cache_dir):
            # Unbuffered: whatever was received survives the end of this process at any moment.
            part = open(self._part, "ab+", buffering=0)  # noqa: SIM115, PTH123 - closed below, opened within the guard
        with part:
            yield part

    def _take_over_part(self, part: BinaryIO) -> bool:
        """Go on where an earlier run stopped; False when there is nothing to go on with."""
        size = os.fstat(part.fileno()).st_size
        if size > self._file.size_bytes:
            self._start_over(part)
        if not 0 < size <= self._file.size_bytes:
            self._hash, self._done = BlobHash(self._file.etag, self._file.size_bytes), 0
            return False
        self._read_into_hash(self._part, "Checking what is already here")
        return True

    def _read_into_hash(self, path: Path, note: str) -> None:
        self._hash = BlobHash(self._file.etag, self._file.size_bytes)
        self._done = 0
        self._done = hash_file(path, self._hash, self._cancelled, lambda done: self._report(done, note))

    def _start_over(self, part: BinaryIO) -> None:
        with writing(self._store.cache_dir):
            part.truncate(0)
        self._hash = BlobHash(self._file.etag, self._file.size_bytes)
        self._done = 0

    def _receive_all(self, part: BinaryIO, attempts: Attempts) -> None:
        while self._done < self._file.size_bytes:
            attempts.check()
            try:
                self._receive(part, attempts)
            except GardenError as error:
                delay = attempts.delay_after(error)
                if isinstance(error, RateLimitedError):
                    self._steering.asked_to_wait(delay)
                self._report(self._done, _waiting_note(error, delay))
                attempts.wait(delay)

    def _receive(self, part: BinaryIO, attempts: Attempts) -> None:
        """One request for all that is missing."""
        self._steering.wait_for_turn(lambda left: self._report(self._done, pause_note(left)))
        with self._pieces_from(self._done) as pieces:
            for piece in self._new_bytes(pieces, attempts):
                if self._done + len(piece) > self._file.size_bytes:
                    raise WrongAnswerError(
                        f"{self._subject.host} sent more bytes than the file has.", "Try again in a moment."
                    )
                self._write(part, piece)
                self.fetched = True
                if self._done > self._furthest:
                    # Bytes that came before do not count: a server without ranges could send them for ever.
                    self._furthest = self._done
                    attempts.progressed()
                self._report(self._done, "")
        if self._done < self._file.size_bytes:
            raise WrongAnswerError(f"{self._subject.host} ended the file too early.", "Try again in a moment.")

    @contextlib.contextmanager
    def _pieces_from(self, offset: int) -> Iterator[Iterable[bytes]]:
        """The bytes of the file from ``offset`` on; as many as are in ``_skip`` come before them."""
        if self._xet is not None:
            self._skip = 0
            yield self._xet.pieces(offset)
            return
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        with self._connection.stream(
            "GET", self._file.path, self._subject, headers=headers, on_redirect=self._is_unchanged
        ) as response:
            self._check_start(response)
            with translated(self._subject.host):
                yield response.iter_bytes()

    def _new_bytes(self, pieces: Iterable[bytes], attempts: Attempts) -> Iterator[bytes]:
        """Pieces of the body at the pace that was asked for, without the bytes that are here already."""
        for piece in pieces:
            attempts.check()
            self._steering.spend(len(piece))
            known = min(self._skip, len(piece))
            self._skip -= known
            if known < len(piece):
                yield piece[known:]

    def _is_unchanged(self, headers: Mapping[str, str]) -> bool:
        """Follow a redirect only while the Hub promises what it promised first."""
        if "X-Linked-ETag" in headers and promised_hash(headers) != self._file.etag:
            raise ChangedUpstreamError(
                f"'{self._file.filename}' changed on the Hub while it was being fetched.",
                "Load the list of files again, then start the download again.",
            )
        return True

    def _check_start(self, response: httpx2.Response) -> None:
        """Make sure that the body begins where the file ends so far, or at its beginning."""
        self._skip = 0
        if response.status_code == 206:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if (
                match is None
                or int(match[1]) != self._done
                or (match[3] != "*" and int(match[3]) != self._file.size_bytes)
            ):
                raise WrongAnswerError(
                    f"{self._subject.host} sent another part of the file than was asked for.", "Try again in a moment."
                )
        elif response.status_code != 200:
            raise WrongAnswerError(f"{self._subject.host} sent an answer without the file.", "Try again in a moment.")
        elif self._done:
            # Its bytes are read once more and thrown away: what is here stays, also when this breaks off again.
            self._skip = self._done
            self._report(self._done, "The server cannot resume; reading on to where it stopped")

    def _write(self, part: BinaryIO, piece: bytes) -> None:
        self._unchecked += len(piece)
        if self._unchecked >= _ROOM_LOOK_BYTES:
            self._unchecked = 0
            check_reserve(self._store.cache_dir, self._file.filename, self._file.size_bytes - self._done)
        try:
            view = memoryview(piece)
            while view:
                view = view[part.write(view) or 0 :]
        except OSError as error:
            raise write_failure(
                error,
                f"'{self._file.filename}'",
                action="Check the disk.",
                when_full="Free some space, then start the download again; it goes on where it stopped.",
                progress=f"{format_bytes(self._done)} of {format_bytes(self._file.size_bytes)} are here",
            ) from error
        self._hash.update(piece)
        self._done += len(piece)

    def _check_promise(self) -> None:
        if not self._hash.matches:
            raise IntegrityError(
                f"The bytes of '{self._file.filename}' are not what the Hub promised; they were discarded.",
                "Start the download again; if it happens again, something on the way (a proxy, the disk) alters files.",
                f"promised {self._file.etag}, received sha256 {self._hash.sha256}",
            )


def pause_note(seconds: float) -> str:
    """What is said while another transfer was asked to wait."""
    return f"The Hub asked for a pause; going on in {format_duration(seconds)}"


def _waiting_note(error: GardenError, delay: float) -> str:
    sentence = error.sentence.rstrip(".")
    if isinstance(error, RateLimitedError):
        return f"{sentence}; going on in {format_duration(delay)}"
    return f"{sentence}; trying again in {format_duration(delay)}"
