from __future__ import annotations

import pytest

from garden.core.quantity import GIB, MIB
from garden.gui.pages.quant_size_popover import parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("4.5", 4.5 * GIB), (" 4,5 GB ", 4.5e9), ("900 MiB", 900 * MIB), ("900m", 900 * MIB), ("0", 0)],
)
def test_sizes_are_read_as_people_write_them(text: str, size_bytes: float) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "large", "4.5 TB", "-3", "4..5"])
def test_anything_else_is_no_size(text: str) -> None:
    assert parse_size(text) is None
