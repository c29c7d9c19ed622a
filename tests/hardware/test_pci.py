from __future__ import annotations

from pathlib import Path

import pytest

from garden.hardware.pci import pci_displays, pci_name
from tests.hardware.pci_tree import AMD, AUDIO, INTEL, NVIDIA, VIRTIO, add

#: Lines as the list of names has them, with a subsystem and a class behind the vendors.
NAMES = """#
#\tList of PCI ID's
1002  Advanced Micro Devices, Inc. [AMD/ATI]
\t1636  Renoir [Radeon Vega Series / Radeon Vega Mobile Series]
\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]
\t\t1002 0e3b  RX 7900 XTX
10de  NVIDIA Corporation
\t28e0  AD107M [GeForce RTX 4060 Max-Q / Mobile]
8086  Intel Corporation
\t28e0  Something else
\t46a6  Alder Lake-P GT2
C 03  Display controller
"""


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "pci.ids"
    path.write_text(NAMES)
    return path


def test_only_adapters_that_compute_are_listed(tmp_path: Path) -> None:
    add(tmp_path, "0000:00:1f.3", INTEL, kind=AUDIO)
    add(tmp_path, "0000:00:02.0", VIRTIO)
    add(tmp_path, "0000:01:00.0", NVIDIA, kind="0x030200")

    assert [display.address for display in pci_displays(tmp_path)] == ["0000:01:00.0"]


@pytest.mark.parametrize(
    ("status", "asleep"),
    [("active", False), ("suspended", True), ("suspending", True), ("resuming", False), ("unsupported", False)],
)
def test_power_management_says_what_sleeps(tmp_path: Path, status: str, asleep: bool) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA, status=status)

    assert [display.asleep for display in pci_displays(tmp_path)] == [asleep]


@pytest.mark.parametrize(
    ("vendor", "device", "name"),
    [
        (NVIDIA, "0x28e0", "GeForce RTX 4060 Max-Q / Mobile"),
        (AMD, "0x1636", "Radeon Vega Series / Radeon Vega Mobile Series"),
        (INTEL, "0x46a6", "Alder Lake-P GT2"),
        (AMD, "0x28e0", None),
        (NVIDIA, "", None),
    ],
)
def test_the_list_of_names_is_read_by_vendor_and_number(
    tmp_path: Path, names: Path, vendor: str, device: str, name: str | None
) -> None:
    add(tmp_path / "pci", "0000:01:00.0", vendor, device=device)
    (display,) = pci_displays(tmp_path / "pci")

    assert pci_name(display, [tmp_path / "absent", names]) == name


def test_without_pci_there_is_nothing(tmp_path: Path) -> None:
    assert pci_displays(tmp_path / "absent") == ()
