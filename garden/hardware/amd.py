"""AMD's GPUs on Linux, from the files of the amdgpu driver."""

from __future__ import annotations

from garden.core.hardware_snapshot import Gpu
from garden.core.quantity import GIB
from garden.hardware.pci import PLAIN_NAMES, PciDisplay
from garden.hardware.small_file import small_number, small_text

#: A processor's GPU has a small carve-out of its own and borrows the rest.
_LARGEST_CARVE_OUT, _SMALLEST_BORROWED, _BORROWED_SHARE = 4 * GIB, 8 * GIB, 4

#: No card that amdgpu computes on has so little: of 16 GB of RAM such a GPU borrows less than 8 GiB
#: (512 MiB and 7,695 MiB on a Ryzen 9 5900HS, clbr/radeontop#163).
_NO_CARD_BELOW = 1 * GIB


def read_amd(display: PciDisplay) -> Gpu:
    """An AMD GPU that is awake.

    Args:
        display: Where the kernel describes it.
    """
    vram, vram_used = (small_number(display.folder / f"mem_info_vram_{what}") for what in ("total", "used"))
    gtt, gtt_used = (small_number(display.folder / f"mem_info_gtt_{what}") for what in ("total", "used"))
    unified = shares_the_ram(vram, gtt)
    total, used = (gtt, gtt_used) if unified else (vram, vram_used)
    return Gpu(
        name=small_text(display.folder / "product_name") or PLAIN_NAMES["amd"],
        vendor="amd",
        memory_total_bytes=total,
        memory_free_bytes=max(0, total - used) if total and used is not None else None,
        unified=unified,
        address=display.address,
    )


def shares_the_ram(vram_bytes: int | None, gtt_bytes: int | None) -> bool:
    """Whether these are the sizes of a processor's GPU: little memory of its own, and much of the machine's.

    Args:
        vram_bytes: Own memory.
        gtt_bytes: What it may borrow.
    """
    if not vram_bytes or not gtt_bytes or vram_bytes > _LARGEST_CARVE_OUT:
        return False
    borrows_enough = gtt_bytes >= _SMALLEST_BORROWED or vram_bytes < _NO_CARD_BELOW
    return borrows_enough and gtt_bytes >= _BORROWED_SHARE * vram_bytes
