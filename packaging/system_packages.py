"""What Garden needs of the system itself, which of it is missing, and the one line that brings it."""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Need(NamedTuple):
    """One thing of the system.

    Attributes:
        purpose: What it is for, in words.
        present: Whether it is here.
        debian: Debian's packages that bring it.
    """

    purpose: str
    present: bool
    debian: tuple[str, ...]


#: Shared libraries that Qt's wheels expect of the system: the first row for any Qt, the second for windows under X11.
#: Qt's offscreen platform hides the second row's absence, so the names are checked, not guessed from a start.
_QT_LIBRARIES = {"EGL": "libegl1", "GL": "libgl1", "dbus-1": "libdbus-1-3", "fontconfig": "libfontconfig1"}
_XCB_LIBRARIES = {
    "xkbcommon": "libxkbcommon0",
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-keysyms": "libxcb-keysyms1",
    "xkbcommon-x11": "libxkbcommon-x11-0",
}


def needs(*, for_tests: bool) -> list[Need]:
    """Everything this platform's system has to provide.

    Args:
        for_tests: Whether the tests will run, which need an X server without a screen, something that types on it, and
            a GPU's driver without a GPU.
    """
    found = [Need("Python's venv module", importlib.util.find_spec("ensurepip") is not None, ("python3-venv",))]
    if sys.platform == "win32":
        # The engine's build looks for Visual Studio itself; cl.exe is on the path only in its own prompt.
        return found
    compiler = any(shutil.which(name) for name in ("c++", "g++", "clang++"))
    found.append(Need("a C++ compiler (for the engine)", compiler, ("g++",)))
    if sys.platform.startswith("linux"):
        for library, package in {**_QT_LIBRARIES, **_XCB_LIBRARIES}.items():
            found.append(Need(f"lib{library}", ctypes.util.find_library(library) is not None, (package,)))
        if for_tests:
            for program, package in {"Xvfb": "xvfb", "xdotool": "xdotool"}.items():
                found.append(Need(f"{program} (for tests in a real window)", bool(shutil.which(program)), (package,)))
            loader = ctypes.util.find_library("vulkan") is not None
            software = any(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*"))
            found.append(Need("the Vulkan loader (for tests of the GPU backend)", loader, ("libvulkan1",)))
            found.append(
                Need("Vulkan's software device (for tests of the GPU backend)", software, ("mesa-vulkan-drivers",))
            )
    return found


def provide(*, for_tests: bool) -> bool:
    """Install what is missing as root on Debian, else name it in one line to paste.

    Returns:
        Whether everything is here now. What is missing may still be optional: the caller goes on and says what fails.
    """
    missing = [need for need in needs(for_tests=for_tests) if not need.present]
    if not missing:
        return True
    print("Missing on this system: " + ", ".join(need.purpose for need in missing) + ".")
    packages = sorted({package for need in missing for package in need.debian})
    if not shutil.which("apt-get"):
        print("  Install it with your system's package manager" + _hint(packages) + ".")
        return False
    line = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0:
        print(f"  Paste this line, then run the same command again:\n  sudo {line}")
        return False
    print(f"  Installing {', '.join(packages)} …")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], line.split()):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0 and command[1] != "update":
            print(
                f"  That failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no reason given'}"
            )
            return False
    return all(need.present for need in needs(for_tests=for_tests))


def _hint(packages: list[str]) -> str:
    if sys.platform == "darwin":
        return ": xcode-select --install"
    return f" (Debian's names: {' '.join(packages)})"


def has_display() -> bool:
    """Whether a window can be shown here."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextlib.contextmanager
def virtual_display(size: str = "1920x1200x24") -> Iterator[str | None]:
    """An X server without a screen for as long as the block runs; yields its DISPLAY, None where Xvfb is missing."""
    if not shutil.which("Xvfb"):
        yield None
        return
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        # It picks a free number itself and writes it when it is ready.
        with os.fdopen(reading) as ready:
            number = ready.readline().strip()
        yield f":{number}" if number else None
    finally:
        server.terminate()
        server.wait()
