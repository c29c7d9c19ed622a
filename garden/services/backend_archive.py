"""Taking a backend out of an archive, or from where it lies, without trusting what the archive says.

Nothing is unpacked by the names inside: one regular file is copied to a name of ours, so that neither a path nor a link
of the archive can lead anywhere. Sizes are bounded before and while something is read.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import tarfile
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from garden.core.errors import CancelledByUser, GardenError, InvalidFileError, NotFoundError
from garden.core.write_failure import write_failure

#: The largest backend seen is CUDA's, with 375 MB.
MAX_LIBRARY_BYTES = 2 * 1024**3

#: libggml-base is a megabyte.
_MAX_BASE_BYTES = 64 * 1024**2

_MAX_UNPACKED_BYTES = 6 * 1024**3
_MAX_MEMBERS = 5_000

#: More than any header of an archive has; tarfile reads a header's extension in one piece.
_MAX_READ_BYTES = 8 * 1024**2
_CHUNK_BYTES = 1024**2

_LIBRARY = re.compile(r"(?:lib)?ggml-(?P<name>[a-z0-9]+)\.(?:so|dll|dylib)", re.ASCII)
_BASE = re.compile(r"(?:lib)?ggml-base(?:\.\d+)*\.(?:so(?:\.\d+)*|dll|dylib)", re.ASCII)

#: Parts of the engine itself, and what computes on no GPU.
_NOT_FOR_GPUS = frozenset({"base", "cpu", "blas", "rpc", "zdnn", "amx"})

#: ``ggml_version()`` gives a constant; it stands in the library as a text of its own.
_VERSION = re.compile(rb"(?<=\x00)(\d{1,2}\.\d{1,3}\.\d{1,3})(?:-[0-9A-Za-z.-]{1,32})?(?=\x00)")


@dataclass(frozen=True, slots=True)
class Found:
    """A backend in an archive or a folder.

    Attributes:
        name: What it is for, e.g. ``vulkan``.
        file_name: Its file name.
        ggml_version: ggml that the libggml-base beside it is of.
    """

    name: str
    file_name: str
    ggml_version: str


def take_member(archive: Path, member: str, size_bytes: int, target: Path, cancelled: threading.Event) -> None:
    """Copy one file out of an archive whose hash is known.

    Args:
        archive: A gzipped tar.
        member: Its name inside.
        size_bytes: The size it must have.
        target: Where to.
        cancelled: Looked at all the time.

    Raises:
        InvalidFileError: It is not in there, or not as it should be.
        CancelledByUser: Cancelled.
        DiskFullError: No room.
    """
    with _members(archive, cancelled) as (tar, members):
        for info in members:
            if info.name == member:
                if not info.isreg() or info.size != size_bytes:
                    raise InvalidFileError("The backend's package holds something else than promised.", "", info.name)
                _copy(_content(tar, info), target, size_bytes, cancelled)
                return
    raise InvalidFileError("The backend's package does not hold what was promised.", "", member)


def take_given(path: Path, folder: Path, cancelled: threading.Event) -> Found:
    """Copy a backend that was given by hand: a library beside its libggml-base, or an archive that holds both.

    Args:
        path: The library, or a gzipped tar (``.tgz``, ``.tar.gz``).
        folder: Where it is copied to, under its own name.
        cancelled: Looked at all the time.

    Raises:
        NotFoundError: There is no such file, or nothing in it.
        InvalidFileError: It is no backend for a GPU, or damaged.
        CancelledByUser: Cancelled.
        DiskFullError: No room.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.", "Check the path.")
    if path.name.lower().endswith((".tgz", ".tar.gz")):
        return _take_from_archive(path, folder, cancelled)
    return _take_from_folder(path, folder, cancelled)


def _take_from_folder(path: Path, folder: Path, cancelled: threading.Event) -> Found:
    name = _gpu_backend(path.name)
    if name is None:
        raise InvalidFileError(
            f"“{path.name}” is not a ggml backend for a GPU.",
            "Name a file such as libggml-vulkan.so, or an archive (.tar.gz) that holds one.",
        )
    beside = sorted(other for other in path.resolve().parent.iterdir() if _BASE.fullmatch(other.name))
    with path.open("rb") as library:
        _copy(library, folder / path.name, None, cancelled)
    version = None
    if beside:
        with beside[0].open("rb") as base:
            version = _version_in(base)
    return Found(name, path.name, version or _no_version(path))


def _take_from_archive(path: Path, folder: Path, cancelled: threading.Event) -> Found:
    taken: dict[str, str] = {}
    version = None
    with _members(path, cancelled) as (tar, members):
        for info in members:
            file_name = PurePosixPath(info.name).name
            name = _gpu_backend(file_name)
            if not info.isreg():
                continue
            if name is not None:
                if taken:
                    raise InvalidFileError(
                        f"“{path.name}” holds several backends: {', '.join(sorted({*taken, name}))}.",
                        "Unpack it and name the library that you want.",
                    )
                _copy(_content(tar, info), folder / file_name, info.size, cancelled)
                taken[name] = file_name
            elif version is None and _BASE.fullmatch(file_name):
                version = _version_in(_content(tar, info))
    if not taken:
        raise NotFoundError(f"“{path.name}” holds no ggml backend for a GPU.", "Choose another archive.")
    ((name, file_name),) = taken.items()
    return Found(name, file_name, version or _no_version(path))


def _gpu_backend(file_name: str) -> str | None:
    match = _LIBRARY.fullmatch(file_name)
    return match["name"] if match and match["name"] not in _NOT_FOR_GPUS else None


def _version_in(base: IO[bytes]) -> str | None:
    """The version that the library says it is of, None when it says none, or several."""
    content = bytearray()
    while len(content) < _MAX_BASE_BYTES and (chunk := base.read(_CHUNK_BYTES)):
        content += chunk
    versions = {match[1].decode() for match in _VERSION.finditer(content)}
    return versions.pop() if len(versions) == 1 else None


def _no_version(path: Path) -> str:
    raise InvalidFileError(
        f"It is not known which ggml “{path.name}” was built for, since no libggml-base lies beside it.",
        "Name the file where its archive was unpacked, or the archive itself (.tar.gz).",
    )


class _BoundedReader(io.RawIOBase):
    """What is unpacked of an archive: an end to how much, and to how much at once."""

    def __init__(self, stream: gzip.GzipFile, cancelled: threading.Event) -> None:
        self._stream = stream
        self._cancelled = cancelled

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        # Going forward unpacks what is passed over, in pieces, so that a cancel is seen.
        while whence == os.SEEK_SET and offset - self.tell() > _CHUNK_BYTES:
            if not self.read(_CHUNK_BYTES):
                break
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        if self._cancelled.is_set():
            raise CancelledByUser
        if not 0 <= size <= _MAX_READ_BYTES or self._stream.tell() > _MAX_UNPACKED_BYTES:
            raise tarfile.ReadError("larger than any backend's archive")
        return self._stream.read(size)


@contextlib.contextmanager
def _members(archive: Path, cancelled: threading.Event) -> Iterator[tuple[tarfile.TarFile, Iterator[tarfile.TarInfo]]]:
    """The archive and its members, one after the other."""
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=_BoundedReader(stream, cancelled), mode="r:") as tar:
            yield tar, _bounded(tar)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
        raise InvalidFileError(
            f"The archive “{archive.name}” is damaged or not what it should be.", "Fetch it again.", repr(error)
        ) from error
    except OSError as error:
        raise NotFoundError(f"“{archive.name}” could not be read.", "Check that it is there.", repr(error)) from error


def _bounded(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for number, info in enumerate(tar):
        if number >= _MAX_MEMBERS:
            raise tarfile.ReadError("more members than any backend's archive has")
        yield info


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(info)
    if content is None or info.size > MAX_LIBRARY_BYTES:
        raise tarfile.ReadError(f"{info.name} cannot be taken out")
    return content


def _copy(source: IO[bytes], target: Path, size_bytes: int | None, cancelled: threading.Event) -> None:
    """Copy to a new file and flush it to the disk; a part is removed."""
    done = 0
    try:
        with target.open("xb") as out:
            while chunk := source.read(_CHUNK_BYTES):
                if cancelled.is_set():
                    raise CancelledByUser
                done += len(chunk)
                if done > MAX_LIBRARY_BYTES:
                    raise InvalidFileError(f"“{target.name}” is larger than any backend.", "Choose another file.")
                try:
                    out.write(chunk)
                except OSError as error:
                    raise write_failure(
                        error, target.name, action=f"Check that {target.parent} exists and is yours."
                    ) from error
            out.flush()
            os.fsync(out.fileno())
        if size_bytes is not None and done != size_bytes:
            raise InvalidFileError(f"“{target.name}” ends too early.", "Fetch it again.")
    except (GardenError, OSError, EOFError, zlib.error, tarfile.TarError):
        target.unlink(missing_ok=True)
        raise
