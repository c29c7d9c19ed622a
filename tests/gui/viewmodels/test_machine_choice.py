from __future__ import annotations

import pytest

from garden.core.imagined_machine import ImaginedMachine
from garden.core.quantity import GIB
from garden.gui.viewmodels.machine_choice import machine_list, parse_gigabytes, typed_machine
from garden.services.what_if import WhatIfService


@pytest.mark.parametrize(
    ("text", "size"),
    [("32", 32 * GIB), (" 7,5 GB", round(7.5 * GIB)), ("8 gib", 8 * GIB), ("", None), ("-1", None), ("much", None)],
)
def test_gigabytes_are_read_as_people_write_them(text: str, size: int | None) -> None:
    assert parse_gigabytes(text) == size


def test_what_is_typed_is_a_machine() -> None:
    assert typed_machine("32", "24", unified=False) == ImaginedMachine(ram_bytes=32 * GIB, gpu_bytes=24 * GIB)
    assert typed_machine("32", "", unified=False) == ImaginedMachine(ram_bytes=32 * GIB)
    assert typed_machine("16", "whatever", unified=True) == ImaginedMachine(ram_bytes=16 * GIB, unified=True)
    assert typed_machine("16", "whatever", unified=False) is None
    assert typed_machine("", "8", unified=False) is None


def test_the_list_passes_qts_own_checks(qtmodeltester: object) -> None:
    model = machine_list()
    model.set_rows(WhatIfService.catalogue())
    qtmodeltester.check(model)  # type: ignore[attr-defined]  # a fixture without types
