from __future__ import annotations

import pytest

from garden.hardware.apple import read_apple

MIB, GIB = 1024**2, 1024**3

#: ``system_profiler SPDisplaysDataType -json`` of a MacBook Air, as it was recorded; numbers of the screen left out.
AIR_M1 = b"""{
  "SPDisplaysDataType" : [
    {
      "_name" : "kHW_AppleM1Item",
      "spdisplays_mtlgpufamilysupport" : "spdisplays_metal3",
      "spdisplays_ndrvs" : [
        {
          "_name" : "Color LCD",
          "_spdisplays_pixels" : "2880 x 1800",
          "_spdisplays_resolution" : "1440 x 900 @ 60.00Hz",
          "spdisplays_main" : "spdisplays_yes"
        }
      ],
      "spdisplays_vendor" : "sppci_vendor_Apple",
      "sppci_bus" : "spdisplays_builtin",
      "sppci_cores" : "7",
      "sppci_device_type" : "spdisplays_gpu",
      "sppci_model" : "Apple M1"
    }
  ]
}"""

#: The same keys of a MacBook Pro with an Intel processor: one GPU that shares the RAM, one with memory of its own.
PRO_INTEL = b"""{
  "SPDisplaysDataType" : [
    {
      "_name" : "Intel UHD Graphics 630",
      "spdisplays_vendor" : "Intel",
      "spdisplays_vram_shared" : "1536 MB",
      "sppci_bus" : "spdisplays_builtin",
      "sppci_device_type" : "spdisplays_gpu",
      "sppci_model" : "Intel UHD Graphics 630"
    },
    {
      "_name" : "Radeon Pro 5500M",
      "spdisplays_vendor" : "sppci_vendor_AMD",
      "spdisplays_vram" : "4 GB",
      "sppci_device_type" : "spdisplays_gpu",
      "sppci_model" : "AMD Radeon Pro 5500M"
    }
  ]
}"""


def test_an_apple_gpu_shares_the_ram_and_says_no_size() -> None:
    (gpu,) = read_apple("arm64", lambda: AIR_M1)

    assert (gpu.name, gpu.vendor, gpu.unified) == ("Apple M1, 7 cores", "apple", True)
    assert (gpu.memory_total_bytes, gpu.memory_free_bytes) == (None, None)


def test_a_card_of_an_older_mac_has_memory_of_its_own() -> None:
    integrated, card = read_apple("x86_64", lambda: PRO_INTEL)

    assert (integrated.vendor, integrated.unified, integrated.memory_total_bytes) == ("intel", True, None)
    assert (card.name, card.vendor, card.unified) == ("AMD Radeon Pro 5500M", "amd", False)
    assert card.memory_total_bytes == 4 * GIB


@pytest.mark.parametrize("report", [b"", b"{", b'{"SPDisplaysDataType": 1}', b"[]", b"{}"])
def test_a_report_that_makes_no_sense_leaves_what_is_certain(report: bytes) -> None:
    assert [gpu.name for gpu in read_apple("arm64", lambda: report)] == ["Apple GPU"]
    assert read_apple("x86_64", lambda: report) == []
