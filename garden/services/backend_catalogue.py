"""Prebuilt backends that are known to fit: which package holds one for which system, by hash.

ggml's backends are plug-ins, and the npm packages of node-llama-cpp (MIT) carry them prebuilt. Of a package the plug-in
alone is used; its JavaScript and its other libraries stay in the archive.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from garden.core.errors import NotFoundError, RefusedError

_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_SYSTEMS = {"linux": "linux", "win32": "win", "darwin": "mac"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendPackage:
    """A package and what is wanted of it.

    Attributes:
        name: What it is asked for by, e.g. ``vulkan``.
        title: For people, e.g. ``Vulkan``.
        system: ``linux-x64``.
        package: Name in the npm registry.
        version: Of the package.
        integrity: SHA-512 of its archive in base64, as the registry writes it without ``sha512-``.
        download_bytes: Size of the archive.
        member: The plug-in in the archive.
        size_bytes: Size of the plug-in.
        ggml_version: ggml that it was built for.
        needs: Libraries that it needs of the system, by the names that it asks for.
        tried: Whether models have answered on it in a trial of ours; without, only its hash, its version and how it
            fails without a GPU were checked.
    """

    name: str
    title: str
    system: str
    package: str
    version: str
    integrity: str
    download_bytes: int
    member: str
    size_bytes: int
    ggml_version: str
    needs: tuple[str, ...]
    tried: bool

    @property
    def source(self) -> str:
        """Where it is from, for people."""
        return f"npm package {self.package} {self.version}, MIT"

    @property
    def requirement(self) -> str:
        """What npm is asked for."""
        return f"{self.package}@{self.version}"


#: Packages of 3.22.1 for Windows and macOS are not published (2026-11); those of 3.21.1 hold ggml 0.23. macOS needs
#: none: there the engine is built with Metal.
PACKAGES = (
    BackendPackage(
        name="vulkan",
        title="Vulkan",
        system="linux-x64",
        package="@node-llama-cpp/linux-x64-vulkan",
        version="3.22.1",
        integrity="bBxqU+JOcBu1nb5Qj2zcMci+JByT1E8EajHvYodyNfVIPkEhXh+/HMwR1/BT7xP08YK0hks+kM8fglER0P8JEg==",
        download_bytes=24_311_427,
        member="package/bins/linux-x64-vulkan/libggml-vulkan.so",
        size_bytes=43_255_472,
        ggml_version="0.25.1",
        needs=("libvulkan.so.1",),
        tried=True,
    ),
    BackendPackage(
        name="cuda",
        title="CUDA",
        system="linux-x64",
        package="@node-llama-cpp/linux-x64-cuda",
        version="3.22.1",
        integrity="8rQCjyNNLZJUFit+YpjwlC4hwkKgOMIkB2wuycKBf8NU2O3ySKbiWZQ8aw9ku2nUTXjSnUIrE6KB88itduTBuA==",
        download_bytes=142_898_030,
        member="package/bins/linux-x64-cuda/libggml-cuda.so",
        size_bytes=158_993_272,
        ggml_version="0.25.1",
        needs=("libcuda.so.1", "libcudart.so.13", "libcublas.so.13"),
        tried=False,
    ),
)


def this_system() -> str:
    """This system as the catalogue writes it, e.g. ``linux-x64``; ``linux-x64-musl`` without the GNU C library."""
    system = _SYSTEMS.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    musl = "-musl" if system == "linux" and platform.libc_ver()[0] != "glibc" else ""
    return f"{system}-{_MACHINES.get(machine, machine)}{musl}"


def package_for(name: str, system: str | None = None) -> BackendPackage:
    """The package that holds a backend for a system.

    Args:
        name: ``vulkan`` or ``cuda``, in any case.
        system: As ``this_system`` says; this one by default.

    Raises:
        NotFoundError: No backend has that name.
        RefusedError: None that fits is known for the system.
    """
    known = [package for package in PACKAGES if package.name == name.lower()]
    if not known:
        names = ", ".join(dict.fromkeys(package.name for package in PACKAGES))
        raise NotFoundError(f"There is no prebuilt backend “{name}”.", f"Choose one of {names}, or name a file.")
    system = system or this_system()
    if system.startswith("mac"):
        raise RefusedError(
            f"{known[0].title} is not for macOS, where the engine uses Metal.", "Leave the engine as it is."
        )
    for package in known:
        if package.system == system:
            return package
    raise RefusedError(
        f"No prebuilt {known[0].title} backend was tried on this system ({system}) yet.",
        f"Name a file of your own, or build the engine: python packaging/bootstrap.py engine --backend {name.lower()}",
    )
