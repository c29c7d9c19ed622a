from __future__ import annotations

import sys

import pytest

from garden.core.hardware_snapshot import Gpu
from garden.hardware.windows import Adapter, read_windows, registry_adapters

GIB = 1024**3
SIZE = "HardwareInformation.qwMemorySize"

#: Keys of the class of display adapters as ``reg query`` printed them on machines of other people.
RX_7900_XT = {
    "DriverDesc": "AMD Radeon RX 7900 XT",
    "MatchingDeviceId": r"PCI\VEN_1002&DEV_744C&SUBSYS_79051EAE&REV_CC",
    SIZE: 0x4FF000000,
}
RYZEN_GRAPHICS = {
    "DriverDesc": "AMD Radeon(TM) Graphics",
    "MatchingDeviceId": r"PCI\VEN_1002&DEV_164E&SUBSYS_88771043&REV_C6",
    SIZE: 0x20000000,
}
RTX_4070_TI = {
    "DriverDesc": "NVIDIA GeForce RTX 4070 Ti",
    "MatchingDeviceId": r"pci\ven_10de&dev_2782",
    SIZE: 0x2FFA00000,
}
IRIS_XE = {
    "DriverDesc": "Intel(R) Iris(R) Xe Graphics",
    "MatchingDeviceId": r"PCI\VEN_8086&DEV_9A49",
    "HardwareInformation.MemorySize": bytes.fromhex("00F0FF7F"),
}
ARC_A770 = {
    "DriverDesc": "Intel(R) Arc(TM) A770 Graphics",
    "MatchingDeviceId": r"PCI\VEN_8086&DEV_56A0",
    SIZE: 16 * GIB,
}
SECOND_SCREEN = {"DriverDesc": "spacedesk Graphics Adapter", "MatchingDeviceId": r"root\spacedeskdisplay"}
VIRTUAL_SCREEN = {"DriverDesc": "SudoMaker Virtual Display Adapter", "MatchingDeviceId": r"root\sudomaker\sudovda"}


@pytest.mark.parametrize(
    ("adapter", "vendor", "size", "unified"),
    [
        (RX_7900_XT, "amd", 21_458_059_264, False),
        (RTX_4070_TI, "nvidia", 12_878_610_432, False),
        (ARC_A770, "intel", 16 * GIB, False),
        (RYZEN_GRAPHICS, "amd", None, True),
        (IRIS_XE, "intel", None, True),
    ],
)
def test_cards_tell_64_bits_and_carve_outs_are_no_memory(
    adapter: Adapter, vendor: str, size: int | None, unified: bool
) -> None:
    (gpu,) = read_windows([adapter])

    assert gpu == Gpu(
        name=str(adapter["DriverDesc"]),
        vendor=vendor,  # type: ignore[arg-type]  # one of the words
        memory_total_bytes=size,
        unified=unified,
    )


def test_adapters_of_screens_that_are_not_there_are_no_gpus() -> None:
    assert read_windows([SECOND_SCREEN, VIRTUAL_SCREEN, {}]) == []


def test_nvidias_own_library_replaces_what_the_registry_says_of_its_gpus() -> None:
    measured = Gpu(
        name="NVIDIA GeForce RTX 4070 Ti", vendor="nvidia", memory_total_bytes=12 * GIB, memory_free_bytes=GIB
    )

    found = read_windows([RYZEN_GRAPHICS, RTX_4070_TI], [measured])

    assert found[0] == measured
    assert [gpu.vendor for gpu in found] == ["nvidia", "amd"]


def test_eight_bytes_are_read_as_a_number() -> None:
    (gpu,) = read_windows([{**RX_7900_XT, SIZE: (24 * GIB).to_bytes(8, "little")}])

    assert gpu.memory_total_bytes == 24 * GIB


def test_the_32_bits_beside_it_are_never_read() -> None:
    (gpu,) = read_windows([{**RX_7900_XT, SIZE: None, "HardwareInformation.MemorySize": 0xFFF00000}])

    assert gpu.memory_total_bytes is None


@pytest.mark.skipif(sys.platform == "win32", reason="there is a registry")
def test_elsewhere_there_is_no_registry() -> None:
    assert registry_adapters() == []
