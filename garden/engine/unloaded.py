"""What can be said of the engine without loading it: a backend that lists its devices would wake a sleeping GPU."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

from garden.core.hardware_snapshot import Engine, EngineBackend

PACKAGE = "llama-cpp-python"

#: Names of ggml's libraries for GPUs, as their files carry them, and the backends' own names.
_GPU_BACKENDS = {
    "cuda": "CUDA",
    "hip": "ROCm",
    "vulkan": "Vulkan",
    "sycl": "SYCL",
    "metal": "MTL",
    "opencl": "OpenCL",
    "musa": "MUSA",
    "cann": "CANN",
}


def built_with_gpu_backends() -> tuple[EngineBackend, ...]:
    """GPU backends that the engine loads by itself, told by its files."""
    folder = _library_folder()
    if folder is None:
        return ()
    found = []
    for key, name in _GPU_BACKENDS.items():
        library = next(iter(sorted(folder.glob(f"*ggml-{key}.*"))), None)
        if library is not None:
            found.append(EngineBackend(name=name, path=str(library), devices=()))
    return tuple(found)


def engine_on_paper() -> Engine:
    """The engine as its files describe it: no devices, since nothing was asked."""
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return Engine(installed=False, problem="The engine (llama-cpp-python) is not installed.")
    return Engine(
        installed=True,
        version=version,
        backends=(EngineBackend(name="CPU", path=None, devices=("CPU",)), *built_with_gpu_backends()),
    )


def _library_folder() -> Path | None:
    """Where the package keeps llama.cpp's libraries; the package is found, not imported."""
    found = importlib.util.find_spec("llama_cpp")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations))) / "lib"
