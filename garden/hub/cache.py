"""The shared Hub cache: which GGUF files it holds, whatever tool fetched them, and removing one of them whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from garden.core.errors import StateError
from garden.core.unfinished_download import UnfinishedDownload
from garden.hub.blob_hash import is_promise

#: Deeper folders are no part of any repository seen.
_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedFile:
    """A GGUF file in the cache.

    Attributes:
        repo_id: ``owner/name``.
        revision: Commit hash of the snapshot it was found in.
        filename: Path inside the repository.
        path: Where it is found by its name.
        blob: Where its bytes are, in the repository's own folder.
        etag: The promised hash that names the blob: SHA-256, or git's hash; None where links do not work.
        size_bytes: Its size, 0 when the bytes are missing.
        complete: Whether its bytes are there.
    """

    repo_id: str
    revision: str
    filename: str
    path: Path
    blob: Path
    etag: str | None
    size_bytes: int
    complete: bool

    @property
    def sha256(self) -> str | None:
        """The promised SHA-256, None when the promise is another hash or unknown."""
        return self.etag if self.etag is not None and len(self.etag) == 64 else None


def cached_models(cache_dir: Path) -> tuple[CachedFile, ...]:
    """All GGUF files of the cache, each blob of a repository once, under its newest revision.

    Damaged folders, foreign files and broken links are no errors: what can be read is listed.

    Args:
        cache_dir: The Hub cache; it need not exist.
    """
    found: list[CachedFile] = []
    for folder, repo_id in _repositories(cache_dir):
        seen: set[tuple[str, Path]] = set()
        for snapshot in _snapshots(folder):
            for path in _gguf_files(snapshot):
                file = _cached_file(repo_id, snapshot, path)
                if file is not None and (file.filename, file.blob) not in seen:
                    seen.add((file.filename, file.blob))
                    found.append(file)
    return tuple(sorted(found, key=lambda file: (file.repo_id.lower(), file.filename.lower(), file.revision)))


def unfinished_downloads(cache_dir: Path) -> tuple[UnfinishedDownload, ...]:
    """What interrupted transfers left, Garden's (which resume) and those of other tools (which do not)."""
    found = [
        UnfinishedDownload(repo_id=repo_id, path=Path(entry.path), size_bytes=status.st_size)
        for folder, repo_id in _repositories(cache_dir)
        for entry in _entries(folder / "blobs")
        if entry.name.endswith(".incomplete") and (status := _status(entry)) is not None
    ]
    return tuple(sorted(found, key=lambda part: str(part.path)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What removing a file of the cache frees.

    Attributes:
        blob_bytes: Its own bytes; 0 when something else holds them.
        parts_bytes: Of unfinished transfers of it, which go for good.
        kept_bytes: Its own bytes when something else holds them.
        for_good: Whether its bytes go for good whatever is asked for: those of the store that all repositories share.
    """

    blob_bytes: int = 0
    parts_bytes: int = 0
    kept_bytes: int = 0
    for_good: bool = False


def removal(cache_dir: Path, file: CachedFile) -> Freed:
    """What ``remove`` would free; nothing is touched."""
    if file.blob.is_symlink():
        from garden.hub.hub_library import freed_by_deleting_shared

        freed = freed_by_deleting_shared(cache_dir, file.blob)
        return Freed(blob_bytes=freed, kept_bytes=0 if freed else file.size_bytes, for_good=True)
    parts = sum(status.st_size for entry in _parts_of(file) if (status := _status(entry)) is not None)
    try:
        status = file.blob.stat()
    except OSError:
        return Freed(parts_bytes=parts)
    if status.st_nlink > 1:
        return Freed(parts_bytes=parts, kept_bytes=status.st_size)
    return Freed(parts_bytes=parts, blob_bytes=status.st_size)


def remove(cache_dir: Path, file: CachedFile, dispose: Callable[[Path], None] | None = None) -> int:
    """Remove a file: its name in every revision, then its bytes, then the part of an unfinished transfer of it.

    When the bytes cannot be done away with, the file stays as it was.

    Args:
        cache_dir: The Hub cache.
        file: As listed.
        dispose: Does away with the bytes, e.g. into the trash; deletes them when None. It is given them under the
            file's own name where that leads into its repository, so that what comes back from the trash is the file;
            the folder that it comes back to stays.

    Returns:
        Bytes freed.

    Raises:
        StateError: Something could not be removed.
    """
    folder = file.blob.parent.parent if file.etag is not None else _folder_of(file)
    # Without a hash no transfer can be under way; a name itself may be as long as a name can be.
    lock = file.etag or hashlib.sha256(file.filename.encode("utf-8", "surrogatepass")).hexdigest()
    with _alone(cache_dir, folder, lock, file.filename):
        return _remove_locked(cache_dir, folder, file, dispose)


def remove_unfinished(cache_dir: Path, part: UnfinishedDownload) -> int:
    """Remove what a transfer left, unless one holds it now.

    Args:
        cache_dir: The Hub cache.
        part: As listed.

    Returns:
        Bytes freed, 0 when it is gone already.

    Raises:
        StateError: It is being fetched, or could not be removed.
    """
    folder = part.path.parent.parent
    with _alone(cache_dir, folder, part.path.name.partition(".")[0], part.repo_id):
        freed = 0
        with contextlib.suppress(FileNotFoundError):
            freed = part.path.stat(follow_symlinks=False).st_size
            part.path.unlink()
        _remove_empty(part.path.parent, folder)
        _remove_repository_if_empty(folder)
        return freed


@contextlib.contextmanager
def _alone(cache_dir: Path, folder: Path, blob: str, name: str) -> Iterator[None]:
    """Hold the lock of a blob, which every tool that fetches it takes; name what cannot be removed."""
    from filelock import FileLock, Timeout

    lock_path = cache_dir / ".locks" / folder.name / f"{blob}.lock"
    try:
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_path, timeout=0, mode=0o664):
            yield
    except Timeout:
        raise StateError(f"'{name}' is being downloaded.", "Cancel the download first.") from None
    except OSError as error:
        raise StateError(
            f"'{name}' cannot be removed: {error.strerror or 'unknown reason'}.",
            "Close programs that use it, then try again.",
            str(error),
        ) from error


def _remove_locked(cache_dir: Path, folder: Path, file: CachedFile, dispose: Callable[[Path], None] | None) -> int:
    if file.blob.is_symlink():
        # The bytes lie in the store that all repositories share; only huggingface_hub knows who else uses them.
        return _remove_shared(cache_dir, file)
    links = [(path, path.readlink()) for path in _links_to(folder, file.blob)]
    try:
        # The names go first: there is no moment in which a name leads nowhere.
        for path, _ in links:
            path.unlink(missing_ok=True)
        freed = _without_bytes(folder, file, dispose)
    except BaseException:
        # Bytes that no name leads to would be found by nobody: a bin that takes nothing leaves all as it was.
        _link_again(file.blob, links)
        raise
    for path in (*(path for path, _ in links), file.blob):
        if dispose is None or path.parent != file.path.parent:
            _remove_empty(path.parent, folder)
    for entry in _parts_of(file):
        status = _status(entry)
        freed += status.st_size if status is not None else 0
        Path(entry.path).unlink(missing_ok=True)
    _remove_repository_if_empty(folder)
    return freed


def _without_bytes(folder: Path, file: CachedFile, dispose: Callable[[Path], None] | None) -> int:
    """Do away with the bytes of a file; how many are free then."""
    try:
        status = file.blob.stat()
    except FileNotFoundError:
        return 0
    if dispose is None:
        file.blob.unlink(missing_ok=True)
    elif file.etag is None or file.blob.parent != folder / "blobs":
        dispose(file.blob)
    else:
        # A hash in the bin tells nobody what it is, and put back to the blobs it would be no file again.
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.blob.replace(file.path)
        try:
            dispose(file.path)
        except BaseException:
            with contextlib.suppress(OSError):
                file.path.replace(file.blob)
            raise
    return status.st_size if status.st_nlink == 1 else 0


def _links_to(folder: Path, blob: Path) -> list[Path]:
    """Names of a blob in all revisions."""
    return [path for snapshot in _snapshots(folder) for path in _gguf_files(snapshot) if _first_target(path) == blob]


def _link_again(blob: Path, links: list[tuple[Path, Path]]) -> None:
    for path, target in links:
        with contextlib.suppress(OSError):
            if blob.exists() and not path.is_symlink():
                path.symlink_to(target)


def _parts_of(file: CachedFile) -> list[os.DirEntry[str]]:
    """What unfinished transfers of a file left."""
    if file.etag is None:
        return []
    return [
        entry
        for entry in _entries(file.blob.parent)
        if entry.name.startswith(f"{file.etag}.") and entry.name.endswith(".incomplete")
    ]


def _remove_shared(cache_dir: Path, file: CachedFile) -> int:
    from garden.hub.hub_library import delete_shared

    return delete_shared(cache_dir, file.blob)


def _remove_empty(folder: Path, stop: Path) -> None:
    while folder != stop and folder.is_relative_to(stop):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _remove_repository_if_empty(folder: Path) -> None:
    """Take away what is left of a repository without any file: references to commits that are gone."""
    if any(_entries(folder / "snapshots")) or any(_entries(folder / "blobs")):
        return
    for path in sorted((folder / "refs").rglob("*"), reverse=True) if (folder / "refs").is_dir() else ():
        with contextlib.suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
    for name in ("refs", "snapshots", "blobs"):
        with contextlib.suppress(OSError):
            (folder / name).rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _repositories(cache_dir: Path) -> Iterator[tuple[Path, str]]:
    for entry in _entries(cache_dir):
        kind, _, name = entry.name.partition("--")
        if kind == "models" and name and entry.is_dir():
            yield Path(entry.path), name.replace("--", "/", 1)


def _snapshots(folder: Path) -> list[Path]:
    """Snapshots of a repository: the commit that the main branch names first, then the newest."""
    main = ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        main = (folder / "refs" / "main").read_text("ascii")[:64].strip()
    snapshots = [
        (entry.name == main, status.st_mtime, Path(entry.path))
        for entry in _entries(folder / "snapshots")
        if entry.is_dir(follow_symlinks=False) and (status := _status(entry)) is not None
    ]
    return [path for *_, path in sorted(snapshots, reverse=True)]


def _gguf_files(folder: Path, depth: int = 0) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            if depth < _MAX_DEPTH:
                yield from _gguf_files(Path(entry.path), depth + 1)
        elif entry.name.lower().endswith(".gguf"):
            yield Path(entry.path)


def _cached_file(repo_id: str, snapshot: Path, path: Path) -> CachedFile | None:
    """What a name leads to; None when another program took it away meanwhile."""
    blob = _first_target(path) or path
    try:
        size, complete = path.stat().st_size, path.is_file()
    except OSError:
        if not path.is_symlink():
            return None
        size, complete = 0, False
    return CachedFile(
        repo_id=repo_id,
        revision=snapshot.name,
        filename=path.relative_to(snapshot).as_posix(),
        path=path,
        blob=blob,
        etag=blob.name if is_promise(blob.name) else None,
        size_bytes=size,
        complete=complete,
    )


def _first_target(path: Path) -> Path | None:
    """Where a link leads, one step: the blob may itself be a link into the store that all repositories share."""
    try:
        target = path.readlink()
    except OSError:
        # No link, or gone meanwhile.
        return None
    return Path(os.path.abspath(path.parent / target))  # noqa: PTH100 - resolve() would go all the way


def _folder_of(file: CachedFile) -> Path:
    snapshot = file.path
    for _ in range(file.filename.count("/") + 1):
        snapshot = snapshot.parent
    return snapshot.parent.parent


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Size and time of an entry itself, None when another program took it away meanwhile."""
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None
