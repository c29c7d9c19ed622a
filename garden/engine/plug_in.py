"""Loading a ggml backend that came as a plug-in: a library of its own, linked to the engine's own libggml-base."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from garden.core.errors import EngineError

if TYPE_CHECKING:
    from garden.engine.library import EngineLibrary

#: What plug-ins call the library that they need; Linux, macOS. Windows finds the one that is loaded by its name alone.
_BASE_LINK = "libggml-base.dylib" if sys.platform == "darwin" else "libggml-base.so"

#: ``libvulkan.so.1: cannot open shared object file: No such file or directory``, as glibc says it.
_MISSING_LIBRARY = re.compile(r"(\S+): cannot open shared object file")

_INCOMPATIBLE = re.compile(r"incompatible API version|undefined symbol|symbol not found", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PlugIn:
    """A loaded plug-in.

    Attributes:
        backend: ggml's name, e.g. ``Vulkan``.
        path: Its library.
        devices: Names of the devices that it drives here; empty where there is none.
    """

    backend: str
    path: Path
    devices: tuple[str, ...]


def load_plug_in(library: EngineLibrary, path: Path) -> PlugIn:
    """Load a plug-in and list its devices. Its code runs from here on: in children only.

    A link to the engine's own libggml-base is laid beside it, since the plug-in looks there for what it needs. With
    another copy of that library the process would hold two registries of buffers and devices.

    Args:
        library: The engine, before it has loaded a model.
        path: The plug-in; links are laid in its folder.

    Raises:
        EngineError: It cannot be loaded; the sentence says why.
    """
    _link_base(library, path.parent)
    before = _base_copies()
    library.log.take_errors()
    load = library.function("ggml_backend_load", ctypes.c_void_p, ctypes.c_char_p)
    registry = load(os.fsencode(path))
    if not registry:
        raise _load_error(path, library.log.take_errors())
    if _base_copies() != before:
        raise EngineError(
            f"{path.name} brought a second libggml-base with it, which this engine cannot work with.",
            "Choose a backend that was built as a plug-in (GGML_BACKEND_DL).",
            ", ".join(sorted(_base_copies())),
        )
    name = library.function("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)
    return PlugIn(name(registry).decode("utf-8", "replace"), path, tuple(_devices(library, registry)))


def find_libraries(title: str, names: Iterable[str]) -> None:
    """Look whether the system has what a backend needs, by loading it: in children only.

    Args:
        title: The backend, for people.
        names: As the loader knows them.

    Raises:
        EngineError: One is missing; the sentence says which.
    """
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError as error:
            raise EngineError(
                f"The {title} backend needs {name}, which this system lacks.", _remedy(name), str(error)
            ) from error


def _devices(library: EngineLibrary, registry: Any) -> list[str]:
    count = library.function("ggml_backend_reg_dev_count", ctypes.c_size_t, ctypes.c_void_p)
    device = library.function("ggml_backend_reg_dev_get", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    name = library.function("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
    return [name(device(registry, index)).decode("utf-8", "replace") for index in range(count(registry))]


def _link_base(library: EngineLibrary, folder: Path) -> None:
    """Lay the link, or turn it to where this engine's library lies now."""
    if sys.platform == "win32":
        return
    base = _loaded_base(library)
    if base is None:
        # Built into one library, which has what a plug-in needs in the global scope or not at all; loading will tell.
        return
    link = folder / _BASE_LINK
    if link.is_symlink() and link.readlink() == base:
        return
    part = folder / f".{_BASE_LINK}.{uuid.uuid4().hex[:12]}"
    try:
        part.symlink_to(base)
        # Another child may do the same at this moment; either link is right.
        part.replace(link)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EngineError(
            f"The link to the engine's own library could not be laid: {error.strerror or error}.",
            "Keep Garden's data folder on a disk that has links and is yours.",
            repr(error),
        ) from error


class _SymbolInfo(ctypes.Structure):
    """``Dl_info`` of dladdr(3)."""

    _fields_ = (
        ("file_name", ctypes.c_char_p),
        ("file_base", ctypes.c_void_p),
        ("symbol_name", ctypes.c_char_p),
        ("symbol", ctypes.c_void_p),
    )


def _loaded_base(library: EngineLibrary) -> Path | None:
    """The file that this process has loaded libggml-base from.

    Asked of the loader: a wheel holds that library under three names, as three files, and one of them is loaded.
    """
    dladdr = ctypes.CDLL(None).dladdr
    dladdr.argtypes = [ctypes.c_void_p, ctypes.POINTER(_SymbolInfo)]
    found = _SymbolInfo()
    address = ctypes.cast(library.function("ggml_nbytes", ctypes.c_size_t, ctypes.c_void_p), ctypes.c_void_p)
    if not dladdr(address, ctypes.byref(found)) or not found.file_name:
        return None
    path = Path(os.fsdecode(found.file_name)).absolute()
    return path if "ggml-base" in path.name else None


def _base_copies() -> set[str]:
    """Files that libggml-base is mapped from; empty where the system does not say."""
    if sys.platform != "linux":
        return set()
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    paths = (line.split(maxsplit=5)[-1] for line in mapped if "ggml-base" in line)
    return {os.path.realpath(path) for path in paths}


def _load_error(path: Path, log: str) -> EngineError:
    missing = _MISSING_LIBRARY.search(log)
    if missing and missing[1] != str(path):
        return EngineError(f"{path.name} cannot be loaded: this system lacks {missing[1]}.", _remedy(missing[1]), log)
    if "ggml_backend_init returned NULL" in log:
        # With Vulkan: there is a loader and no driver, or none that can be used.
        return EngineError(
            f"{path.name} can be loaded, but finds no driver to work with.",
            "Install the driver of your GPU (for Vulkan on Debian and Ubuntu: apt install mesa-vulkan-drivers).",
            log,
        )
    if _INCOMPATIBLE.search(log):
        return EngineError(
            f"{path.name} does not fit this engine: it was built for another version of ggml.",
            "Choose one that was built for this version.",
            log,
        )
    return EngineError(
        f"{path.name} cannot be loaded as a backend.", "Choose a ggml backend that was built for this system.", log
    )


def _remedy(missing: str) -> str:
    if missing.startswith("libvulkan"):
        return "Install the Vulkan loader (Debian and Ubuntu: apt install libvulkan1) and the GPU's Vulkan driver."
    if missing.startswith("libcuda."):
        return "Install the NVIDIA driver."
    if missing.startswith(("libcudart", "libcublas")):
        return "Install NVIDIA's CUDA runtime of that version, or choose the Vulkan backend, which needs none."
    return "Install it with the system's package manager."
