from __future__ import annotations

from garden.core.hardware_snapshot import DeviceKind, EngineDevice, Gpu
from garden.hardware.driven_gpu import driven_gpus

GIB = 1024**3
CARD = Gpu(
    name="NVIDIA GeForce RTX 4060 Laptop GPU",
    vendor="nvidia",
    memory_total_bytes=8 * GIB,
    memory_free_bytes=7 * GIB,
    address="0000:01:00.0",
)
TWIN = Gpu(name=CARD.name, vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=GIB, address="0000:02:00.0")


def device(
    name: str,
    description: str = CARD.name,
    *,
    total: int = 8 * GIB,
    free: int | None = 6 * GIB,
    kind: DeviceKind = "gpu",
    address: str | None = None,
) -> EngineDevice:
    return EngineDevice(
        name=name,
        description=description,
        kind=kind,
        memory_total_bytes=total,
        memory_free_bytes=free,
        address=address,
    )


def test_a_gpu_that_the_engine_lists_is_usable_and_keeps_its_drivers_figures() -> None:
    (gpu,) = driven_gpus([CARD], [device("CUDA0")], asked=True)

    assert (gpu.device, gpu.memory_free_bytes) == ("CUDA0", 7 * GIB)


def test_two_backends_for_one_card_make_one_gpu() -> None:
    devices = [device("CUDA0"), device("Vulkan0")]

    assert [gpu.device for gpu in driven_gpus([CARD], devices, asked=True)] == ["CUDA0"]


def test_two_cards_of_one_kind_are_two_gpus() -> None:
    devices = [device("CUDA0"), device("CUDA1")]

    assert [gpu.device for gpu in driven_gpus([CARD, TWIN], devices, asked=True)] == ["CUDA0", "CUDA1"]


def test_addresses_tell_twins_apart_whatever_their_order() -> None:
    devices = [device("CUDA0", address="00000000:02:00.0"), device("CUDA1", address="0000:01:00.0")]

    assert [gpu.device for gpu in driven_gpus([CARD, TWIN], devices, asked=True)] == ["CUDA1", "CUDA0"]


def test_a_device_at_another_place_is_another_gpu_though_it_has_the_name() -> None:
    card, other = driven_gpus([CARD], [device("CUDA0", address="0000:41:00.0")], asked=True)

    assert (card.device, other.device, other.address) == (None, "CUDA0", "0000:41:00.0")


def test_the_engine_fills_in_what_the_system_does_not_tell() -> None:
    xe = Gpu(name="Intel GPU", vendor="intel", unified=True, address="0000:00:02.0")

    (gpu,) = driven_gpus([xe], [device("Vulkan0", "Intel(R) Iris(R) Xe", kind="igpu")], asked=True)

    assert (gpu.name, gpu.device, gpu.unified) == ("Intel(R) Iris(R) Xe", "Vulkan0", True)
    assert (gpu.memory_total_bytes, gpu.memory_free_bytes) == (8 * GIB, 6 * GIB)


def test_free_memory_is_never_more_than_there_is() -> None:
    (gpu,) = driven_gpus([], [device("Vulkan0", "llvmpipe", total=2 * GIB, free=9 * GIB)], asked=True)

    assert (gpu.name, gpu.vendor, gpu.memory_free_bytes) == ("llvmpipe", "other", 2 * GIB)


def test_the_backend_knows_a_small_card_from_a_processors_gpu() -> None:
    mistaken = Gpu(name="Radeon RX 550", vendor="amd", unified=True, memory_total_bytes=16 * GIB, memory_free_bytes=GIB)

    (gpu,) = driven_gpus([mistaken], [device("Vulkan0", "AMD Radeon RX 550", total=2 * GIB, free=GIB)], asked=True)

    assert (gpu.unified, gpu.memory_total_bytes, gpu.memory_free_bytes) == (False, 2 * GIB, GIB)


def test_the_processor_is_no_gpu() -> None:
    assert driven_gpus([], [device("CPU", "Example", free=None, kind="cpu")], asked=True) == ()


def test_of_an_earlier_look_the_name_counts_and_the_figures_do_not() -> None:
    asleep = Gpu(name=CARD.name, vendor="nvidia", memory_total_bytes=8 * GIB, asleep=True, address=CARD.address)

    (gpu,) = driven_gpus([asleep], [device("CUDA0"), device("Vulkan1", "Gone")], asked=False)

    assert (gpu.device, gpu.asleep, gpu.memory_total_bytes, gpu.memory_free_bytes) == ("CUDA0", True, 8 * GIB, None)
