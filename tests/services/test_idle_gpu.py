from __future__ import annotations

import dataclasses

import pytest

from garden.core.hardware_snapshot import Engine, EngineBackend, Gpu, Vendor
from garden.services.idle_gpu import IdleGpu, idle_gpu

CPU = EngineBackend(name="CPU", path=None, devices=("CPU",))
VULKAN = EngineBackend(name="Vulkan", path=None, devices=())
ENGINE = Engine(installed=True, version="0.3.36", backends=(CPU,))
CARD = Gpu(name="RTX 4060", vendor="nvidia", memory_total_bytes=8 * 1024**3)


def said(gpu: Gpu = CARD, *backends: EngineBackend, system: str = "linux-x64") -> IdleGpu:
    found = idle_gpu(gpu, dataclasses.replace(ENGINE, backends=(CPU, *backends)), system)
    assert found is not None
    return found


def test_of_a_gpu_in_use_nothing_is_said() -> None:
    assert idle_gpu(dataclasses.replace(CARD, device="CUDA0"), ENGINE) is None


@pytest.mark.parametrize("vendor", ["nvidia", "amd", "intel", "other"])
def test_a_prebuilt_backend_is_added_by_one_command(vendor: Vendor) -> None:
    found = said(dataclasses.replace(CARD, vendor=vendor))

    assert found.reason == "The engine cannot use it: it has the CPU backend only."
    assert (found.command, found.backend) == ("garden engine add vulkan", "Vulkan")


@pytest.mark.parametrize(("vendor", "build"), [("nvidia", "cuda"), ("amd", "vulkan"), ("intel", "vulkan")])
def test_where_none_is_known_the_engine_is_built(vendor: Vendor, build: str) -> None:
    found = said(dataclasses.replace(CARD, vendor=vendor), system="linux-arm64")

    assert (found.command, found.backend) == (f"python packaging/bootstrap.py engine --backend {build}", None)


def test_apples_gpu_wants_metal() -> None:
    found = said(Gpu(name="Apple M4", vendor="apple", unified=True), system="mac-arm64")

    assert found.command == "python packaging/bootstrap.py engine --backend metal"


def test_a_backend_without_a_device_wants_a_driver_and_no_command() -> None:
    found = said(CARD, VULKAN)

    assert "Vulkan backend, which does not find this GPU" in found.reason
    assert (found.command, found.action) == ("", "Install or update the GPU's driver, then look again.")


def test_a_sleeping_gpu_that_was_not_asked_about_can_be_woken() -> None:
    found = said(dataclasses.replace(CARD, asleep=True), VULKAN)

    assert "It sleeps" in found.reason
    assert found.command == "garden hardware --wake"


def test_a_backend_of_another_vendor_does_not_count() -> None:
    cuda = EngineBackend(name="CUDA", path=None, devices=("CUDA0",))
    radeon = Gpu(name="Radeon", vendor="amd")

    assert said(radeon, cuda).command == "garden engine add vulkan"


def test_a_backend_that_is_broken_says_why() -> None:
    broken = dataclasses.replace(VULKAN, added="vulkan", problem="This system lacks libvulkan.so.1.")

    assert said(CARD, broken).reason == "The Vulkan backend is not in use. This system lacks libvulkan.so.1."


def test_without_an_engine_that_is_what_is_missing() -> None:
    found = idle_gpu(CARD, Engine(installed=False))

    assert found is not None
    assert found.reason == "The engine is not installed."
