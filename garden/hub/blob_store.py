"""The shared cache as every Hub tool lays it out: blobs named by their hash, snapshots of links, one lock per blob."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from garden.core import write_failure
from garden.core.errors import CancelledByUser, RefusedError
from garden.core.unfinished_download import UnfinishedDownload
from garden.hub.filename import path_inside
from garden.hub.hub_library import repository_folder

#: Ends in ``.incomplete``, so that the Hub's own tools see and clean it; the middle keeps it apart from theirs, which
#: are made anew by each run and deleted when it fails.
_PART_SUFFIX = ".garden.incomplete"

_LOCK_POLL_SECONDS = 0.1


class BlobStore:
    """The folder of one repository in the cache.

    Args:
        cache_dir: The Hub cache (``HF_HUB_CACHE``).
        repo_id: ``owner/name``, checked.
    """

    def __init__(self, cache_dir: Path, repo_id: str) -> None:
        self.cache_dir = cache_dir
        self.repo_id = repo_id
        self.folder = cache_dir / repository_folder(repo_id)

    def blob(self, etag: str) -> Path:
        """Where the verified bytes lie."""
        return self.folder / "blobs" / etag

    def part(self, etag: str) -> Path:
        """Where bytes lie that are not verified yet."""
        return self.folder / "blobs" / f"{etag}{_PART_SUFFIX}"

    def pointer(self, commit: str, filename: str) -> Path:
        """Where a file of a commit is found by its name.

        Raises:
            RefusedError: The name is not safe, or leads out of the snapshot.
        """
        return path_inside(self.folder / "snapshots" / commit, filename)

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            DiskFullError: No room.
            StateError: The cache cannot be written.
        """
        with writing(self.cache_dir):
            (self.folder / "blobs").mkdir(parents=True, exist_ok=True)
            (self.folder / "snapshots").mkdir(parents=True, exist_ok=True)
            self._locks.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def lock(self, etag: str, cancelled: threading.Event, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the lock that huggingface_hub takes too, so that one blob is fetched once.

        Args:
            etag: The blob's hash.
            cancelled: Ends the wait.
            on_wait: Called about ten times a second while another process holds it.

        Raises:
            CancelledByUser: ``cancelled`` was set before the lock came free.
        """
        from filelock import FileLock, SoftFileLock, Timeout

        path = self._locks / f"{etag}.lock"
        # Group-writable, as huggingface_hub makes it: a shared cache has several users.
        lock: FileLock | SoftFileLock = FileLock(path, mode=0o664)
        with writing(self.cache_dir):
            while True:
                try:
                    lock.acquire(timeout=0)
                    break
                except Timeout:
                    on_wait()
                    if cancelled.wait(_LOCK_POLL_SECONDS):
                        raise CancelledByUser from None
                except NotImplementedError:
                    # A file system without flock, e.g. some network mounts.
                    lock = SoftFileLock(path)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                lock.release()

    def link(self, etag: str, commit: str, filename: str) -> None:
        """Let the file of a commit be found: a relative link to the blob, or the blob itself where links do not work.

        To be called with the lock held.
        """
        blob, pointer = self.blob(etag), self.pointer(commit, filename)
        with writing(self.cache_dir):
            pointer.parent.mkdir(parents=True, exist_ok=True)
            if not blob.exists() or (pointer.is_symlink() and pointer.resolve() == blob.resolve()):
                # Linked already, or kept under its name where links do not work.
                return
            # Made beside it and renamed over it: there is no moment without the file.
            # Not its name with something behind: that may be as long as a name can be.
            new = pointer.with_name(f"{etag[:16]}.{os.getpid()}.incomplete")
            new.unlink(missing_ok=True)
            try:
                if os.environ.get("HF_HUB_DISABLE_SYMLINKS", "").upper() in ("1", "ON", "YES", "TRUE"):
                    raise OSError("links are switched off")
                new.symlink_to(os.path.relpath(blob, pointer.parent))
            except OSError as error:
                if write_failure.is_full(error):
                    raise
                # Windows without the developer mode: the blob moves, as huggingface_hub does it, and is kept once.
                blob.replace(pointer)
                return
            new.replace(pointer)

    def forget(self, etag: str, commit: str, filename: str) -> None:
        """Do away with a file that nothing can be made of any more; its bytes stay while another name leads to them."""
        from filelock import FileLock, Timeout

        with contextlib.suppress(OSError, Timeout), FileLock(self._locks / f"{etag}.lock", timeout=0, mode=0o664):
            pointer, blob = self.pointer(commit, filename), self.blob(etag)
            others = (path for path in (self.folder / "snapshots").rglob("*") if path != pointer and path.is_symlink())
            if any(os.path.realpath(path) == os.path.realpath(blob) for path in others):
                pointer.unlink(missing_ok=True)
            else:
                for path in (pointer, blob, self.part(etag)):
                    path.unlink(missing_ok=True)
            for folder in (pointer.parent, self.folder / "snapshots" / commit):
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def clear(
        self,
        commit: str,
        filenames: Sequence[str],
        etags: Sequence[str],
        *,
        fetched: Collection[str],
        kept: Collection[str] = (),
    ) -> None:
        """Clear away a transfer that did not end: its parts, and the shards that it fetched of a set that lacks others.

        Args:
            commit: Full commit hash.
            filenames: Files of one model.
            etags: Hash of each of them, further files' after them.
            fetched: Hashes of the files that it fetched itself; what another tool or an earlier download brought stays.
            kept: Hashes of what something else goes on from.

        Raises:
            StateError: Another program is fetching the same file now; what is here is its own.
        """
        from garden.hub.cache import remove_unfinished

        if len(filenames) > 1 and not all(self.pointer(commit, name).exists() for name in filenames):
            for etag, filename in zip(etags, filenames, strict=False):
                if etag in fetched and etag not in kept:
                    self.forget(etag, commit, filename)
        for etag in (etag for etag in etags if etag not in kept):
            part = UnfinishedDownload(repo_id=self.repo_id, path=self.part(etag), size_bytes=0)
            remove_unfinished(self.cache_dir, part)

    def drop_part(self, etag: str) -> None:
        """Do away with a part that nothing can be made of any more, unless another program holds it."""
        from filelock import FileLock, Timeout

        with contextlib.suppress(OSError, Timeout), FileLock(self._locks / f"{etag}.lock", timeout=0, mode=0o664):
            self.part(etag).unlink(missing_ok=True)

    def remember_branch(self, branch: str, commit: str) -> None:
        """Note which commit a branch names, as tools without a network look it up."""
        reference = self.folder / "refs" / branch
        with writing(self.cache_dir):
            reference.parent.mkdir(parents=True, exist_ok=True)
            new = reference.with_name(f"{reference.name}.{os.getpid()}.tmp")
            new.write_text(commit, encoding="ascii")
            new.replace(reference)

    @property
    def _locks(self) -> Path:
        return self.cache_dir / ".locks" / self.folder.name


def bytes_of(store: BlobStore, etag: str, commit: str, filename: str) -> int:
    """How much of a file is here: the verified bytes, which without links lie under its name, or a part."""
    places = [store.blob(etag), store.part(etag)]
    # A name that is not safe is refused when it is fetched; nothing lies there.
    with contextlib.suppress(RefusedError):
        places.insert(1, store.pointer(commit, filename))
    for path in places:
        with contextlib.suppress(OSError):
            return path.stat().st_size
    return 0


def writing(folder: Path) -> contextlib.AbstractContextManager[None]:
    """For a block that writes into the cache: a failure says which folder it is."""
    return write_failure.writing(
        f"The models folder {folder}",
        action="Check its permissions and the disk, or set another folder (HF_HUB_CACHE).",
        when_full="Free some space, then start the download again; it goes on where it stopped.",
    )
