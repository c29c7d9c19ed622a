"""Backends that were added to the engine: ggml plug-ins in a folder each, with a record of where they are from.

A folder counts when its record is there, and that is written last: after the plug-in passed its test. Children read
the folder before they load a model; nothing else says what is switched on, so it cannot disagree with what is there.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from garden.core.errors import StateError
from garden.core.paths import data_dir

RECORD = "backend.json"

#: A record is some hundred bytes.
_MAX_RECORD_BYTES = 64 * 1024

#: Names of folders and files that are ours: no separators, no dots in front.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """How a backend did on a small model, beside the CPU.

    Attributes:
        model: Name of the model.
        devices: What the backend drives on this machine, e.g. ``Vulkan0``.
        tokens: Greedy tokens that were compared.
        same_text: Whether the backend's own greedy tokens are the CPU's; False is a near tie, see ``largest_gap``.
        largest_gap: Most that a token chosen by the CPU trailed the backend's best, in logits; 0.0 for the same text.
        device_bytes: What the engine held on the devices, in its own account.
        seconds: Wall-clock time of the test.
        tested_at: Seconds since the epoch.
    """

    model: str
    devices: tuple[str, ...]
    tokens: int
    same_text: bool
    largest_gap: float
    device_bytes: int
    seconds: float
    tested_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedBackend:
    """A backend in its folder.

    Attributes:
        name: Name of the folder, lower case, e.g. ``vulkan``.
        backend: ggml's name, e.g. ``Vulkan``.
        library: File name of the plug-in in the folder.
        size_bytes: Size of the plug-in.
        sha256: Hash of the plug-in.
        source: Where it is from, for people.
        ggml_version: ggml that it was built for.
        engine_version: Version of llama-cpp-python that it was tested with.
        self_test: How it did.
    """

    name: str
    backend: str
    library: str
    size_bytes: int
    sha256: str
    source: str
    ggml_version: str
    engine_version: str
    self_test: SelfTest

    @property
    def path(self) -> Path:
        """The plug-in."""
        return backends_dir() / self.name / self.library


def backends_dir() -> Path:
    """Where added backends lie, a folder each; it need not exist."""
    return data_dir() / "engine" / "backends"


def added_backends(folder: Path | None = None) -> tuple[AddedBackend, ...]:
    """Backends whose record and plug-in are whole, in the order in which the engine loads them.

    By name, so that CUDA comes before Vulkan: of two backends that drive the same card the engine takes the first.

    Args:
        folder: Where to look; ``backends_dir`` by default. Where it cannot be used, nothing was added.
    """
    found = []
    with contextlib.suppress(OSError, StateError):
        for path in sorted((folder or backends_dir()).iterdir()):
            record = read_record(path)
            if record is not None:
                found.append(record)
    return tuple(found)


def read_record(folder: Path) -> AddedBackend | None:
    """The record in a folder, None when it, or the plug-in that it speaks of, is missing or damaged."""
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        with (folder / RECORD).open("rb") as stream:
            content = stream.read(_MAX_RECORD_BYTES)
        record = msgspec.json.decode(content, type=AddedBackend)
        library = folder / record.library
        if record.name != folder.name or not is_plain(record.name) or not is_plain(record.library):
            return None
        if library.is_file() and not library.is_symlink() and library.stat().st_size == record.size_bytes:
            return record
    return None


def is_plain(name: str) -> bool:
    """Whether this is a name of a folder or file that can leave no folder, on any platform."""
    return _PLAIN.fullmatch(name) is not None and not name.endswith(".")


def same_minor(one: str | None, other: str | None) -> bool:
    """Whether two versions of ggml go together: the same major and minor number.

    ggml promises no binary interface between minor versions; within one they were seen to fit (0.25.1 and 0.25.3).
    """
    first, second = (_VERSION.match(version or "") for version in (one, other))
    return first is not None and second is not None and first.groups() == second.groups()
