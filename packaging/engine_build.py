"""Build the engine (llama-cpp-python) once per machine, for its GPU when that can be had.

The sources, the build folder and the finished wheel live in the cache, so an interrupted build goes on where it
stopped and a fresh clone of the project finds the wheel that another one built.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements-engine.txt"

_PCI_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
_NINJA_STEP = re.compile(r"\[(\d+)/(\d+)\]")


class Backend(NamedTuple):
    """What the engine is built for.

    Attributes:
        name: ``cpu``, ``cuda``, ``metal`` or ``vulkan``.
        cmake_args: What the build is told.
    """

    name: str
    cmake_args: str


BACKENDS = {
    "cpu": Backend("cpu", ""),
    "cuda": Backend("cuda", "-DGGML_CUDA=on"),
    "metal": Backend("metal", "-DGGML_METAL=on"),
    "vulkan": Backend("vulkan", "-DGGML_VULKAN=on"),
}


def cache_dir() -> Path:
    """Garden's cache folder, found without Garden: this script runs before anything is installed."""
    override = os.environ.get("GARDEN_CACHE_DIR")
    if override:
        return Path(override)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "garden" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "garden"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "garden"


def gpu_vendors(sysfs: Path = Path("/sys/bus/pci/devices")) -> list[str]:
    """Makers of the display controllers of this machine; nothing is woken by reading sysfs."""
    if sys.platform == "darwin":
        return ["Apple"] if platform.machine() == "arm64" else []
    if sys.platform == "win32":
        return ["NVIDIA"] if shutil.which("nvidia-smi") else []
    found = set()
    for device in sysfs.glob("*"):
        try:
            is_display = (device / "class").read_text().startswith("0x03")
            vendor = _PCI_VENDORS.get((device / "vendor").read_text().strip())
        except OSError:
            continue
        if is_display and vendor:
            found.add(vendor)
    return sorted(found)


def cuda_compiler() -> str | None:
    """Path of nvcc, None when there is none."""
    return shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")


def choose_backend(wanted: str | None, vendors: list[str]) -> tuple[Backend, str]:
    """The backend to build and the line that says why.

    Args:
        wanted: A name of BACKENDS that the user asked for, None to choose.
        vendors: Makers of this machine's GPUs.
    """
    if wanted:
        return BACKENDS[wanted], f"The engine is built for {wanted}, as asked."
    if "Apple" in vendors:
        return BACKENDS["metal"], "The engine is built for this Mac's GPU (Metal)."
    if "NVIDIA" in vendors and cuda_compiler():
        return BACKENDS["cuda"], "The engine is built for the NVIDIA GPU of this machine (CUDA)."
    if "NVIDIA" in vendors:
        return BACKENDS["cpu"], (
            "The engine is built for the CPU: the NVIDIA GPU lies idle, since CUDA's compiler (nvcc) is missing. "
            "Install the CUDA toolkit, then run: python packaging/bootstrap.py engine --backend cuda"
        )
    if vendors:
        return BACKENDS["cpu"], (
            f"The engine is built for the CPU: the {' and '.join(vendors)} GPU lies idle. With Vulkan's development "
            "files installed, this changes it: python packaging/bootstrap.py engine --backend vulkan"
        )
    return BACKENDS["cpu"], "The engine is built for the CPU; no GPU was found that it could use."


def wheel_for(backend: Backend) -> Path | None:
    """The finished wheel for this Python and backend, None when it was not built yet."""
    wheels = sorted(_wheel_dir(backend).glob(f"llama_cpp_python-{_version()}-*.whl"))
    return wheels[-1] if wheels else None


def build(python: Path, backend: Backend) -> Path:
    """Build the wheel, or go on with a build that was interrupted.

    Args:
        python: Interpreter of the environment that holds the build tools.
        backend: What to build for.

    Raises:
        SystemExit: The sources could not be fetched or do not match their hash.
        subprocess.CalledProcessError: The compiler failed; its log is kept beside the build folder.
    """
    root = cache_dir() / "engine"
    source = _fetch_source(python, root)
    folder = root / f"build-{_version()}-{_tag()}-{backend.name}"
    folder.mkdir(parents=True, exist_ok=True)
    _wheel_dir(backend).mkdir(parents=True, exist_ok=True)
    print("Building the engine: about 5 minutes on two cores, once. It goes on where it stopped when interrupted.")
    command = [str(python), "-m", "pip", "wheel", "-v", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
    command += ["-C", f"build-dir={folder}", "-w", str(_wheel_dir(backend)), str(source)]
    environment = {**os.environ, "CMAKE_ARGS": f"{os.environ.get('CMAKE_ARGS', '')} {backend.cmake_args}".strip()}
    # The environment's own cmake and ninja, so that a resumed build meets the tools it was configured with.
    environment["PATH"] = str(python.parent) + os.pathsep + environment.get("PATH", "")
    environment.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    _run_with_progress(command, environment, root / f"build-{backend.name}.log")
    wheel = wheel_for(backend)
    if wheel is None:
        raise SystemExit(f"The build ended without a wheel. Its log: {root / f'build-{backend.name}.log'}")
    shutil.rmtree(folder, ignore_errors=True)
    return wheel


def _run_with_progress(command: list[str], environment: dict[str, str], log_path: Path) -> None:
    started = time.monotonic()
    shown = 0.0
    with (
        log_path.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            step = _NINJA_STEP.search(line)
            # A terminal is told each second, a log file every half minute.
            if step and time.monotonic() - shown > (1 if sys.stdout.isatty() else 30):
                shown = time.monotonic()
                minutes, seconds = divmod(int(shown - started), 60)
                text = f"  step {step[1]} of {step[2]}, {minutes} min {seconds:02d} s so far"
                print(
                    f"\r{text}   " if sys.stdout.isatty() else text, end="" if sys.stdout.isatty() else "\n", flush=True
                )
    if sys.stdout.isatty():
        print()
    if process.returncode != 0:
        print(f"  The build failed; its log: {log_path}")
        raise subprocess.CalledProcessError(process.returncode, command)


def _fetch_source(python: Path, root: Path) -> Path:
    """The unpacked source package, checked against the pinned hash."""
    root.mkdir(parents=True, exist_ok=True)
    target = root / f"llama_cpp_python-{_version()}"
    if (target / "pyproject.toml").exists():
        return target
    archive = next(root.glob(f"llama_cpp_python-{_version()}.tar.gz"), None)
    if archive is None or hashlib.sha256(archive.read_bytes()).hexdigest() not in REQUIREMENTS.read_text():
        command = [
            str(python),
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--no-build-isolation",
        ]
        command += ["--require-hashes", "-r", str(REQUIREMENTS), "-d", str(root)]
        if subprocess.run(command, check=False).returncode != 0:
            raise SystemExit("The engine's sources could not be fetched. Check the network, then run the same again.")
        archive = next(root.glob(f"llama_cpp_python-{_version()}.tar.gz"))
    unpacking = root / "unpacking"
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unpacking, filter="data")
    (unpacking / f"llama_cpp_python-{_version()}").rename(target)
    unpacking.rmdir()
    return target


def _wheel_dir(backend: Backend) -> Path:
    return cache_dir() / "engine" / "wheels" / f"{_tag()}-{backend.name}"


def _tag() -> str:
    return f"cp{sys.version_info[0]}{sys.version_info[1]}-{sys.platform}-{platform.machine().lower()}"


def _version() -> str:
    return REQUIREMENTS.read_text().split("==")[1].split()[0]
