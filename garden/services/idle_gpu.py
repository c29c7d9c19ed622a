"""Why the engine does not use a GPU that is there, and what changes it."""

from __future__ import annotations

from dataclasses import dataclass

from garden.core.errors import GardenError
from garden.core.hardware_snapshot import Engine, Gpu
from garden.services.backend_catalogue import package_for

#: What the engine is built with where no prebuilt backend fits: for a vendor's GPUs, and for all others.
_BUILDS = {"nvidia": "cuda", "apple": "metal"}
_OTHER_BUILD = "vulkan"

#: Serves GPUs of every vendor and needs no runtime beside the driver.
_FIRST_CHOICE = "vulkan"

#: Backends of ggml that drive a vendor's GPUs.
_DRIVERS = {
    "nvidia": {"CUDA", "Vulkan"},
    "amd": {"ROCm", "HIP", "Vulkan"},
    "intel": {"SYCL", "Vulkan", "OpenCL"},
    "apple": {"MTL", "Metal"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleGpu:
    """A GPU that lies idle.

    Attributes:
        reason: Why, one sentence.
        command: What changes it, empty when no command does.
        action: What to do when no command helps, empty when there is one.
        backend: The prebuilt backend that the command adds, None when it does something else.
    """

    reason: str
    command: str = ""
    action: str = ""
    backend: str | None = None


def idle_gpu(gpu: Gpu, engine: Engine, system: str | None = None) -> IdleGpu | None:
    """What to say of a GPU; None when the engine drives it.

    Args:
        gpu: The GPU.
        engine: The engine.
        system: As the catalogue of prebuilt backends writes it; this one by default.
    """
    if gpu.device is not None:
        return None
    if not engine.installed:
        return IdleGpu(reason="The engine is not installed.", command="python packaging/bootstrap.py setup")
    drivers = [backend for backend in engine.backends if backend.name in _DRIVERS.get(gpu.vendor, {"Vulkan"})]
    broken = next((backend for backend in drivers if backend.problem), None)
    if broken is not None:
        return IdleGpu(reason=f"The {broken.name} backend is not in use. {broken.problem}")
    if drivers:
        name = drivers[0].name
        if gpu.asleep:
            return IdleGpu(
                reason=f"It sleeps, so the {name} backend was not asked about it.", command="garden hardware --wake"
            )
        return IdleGpu(
            reason=f"The engine has the {name} backend, which does not find this GPU.",
            action="Install or update the GPU's driver, then look again.",
        )
    names = " and ".join(backend.name for backend in engine.backends) or "CPU"
    reason = f"The engine cannot use it: it has the {names} backend{'s' if len(engine.backends) > 1 else ''} only."
    try:
        if gpu.vendor != "apple":
            package = package_for(_FIRST_CHOICE, system)
            return IdleGpu(reason=reason, command=f"garden engine add {package.name}", backend=package.title)
    except GardenError:
        pass  # none is known for this system: it can be built
    build = _BUILDS.get(gpu.vendor, _OTHER_BUILD)
    return IdleGpu(reason=reason, command=f"python packaging/bootstrap.py engine --backend {build}")
