from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from garden.core.residency import FreeMemory, ResidentForecast
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.audit_card import AuditCard
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.machine import MachineViewModel
from garden.services.garden import Garden
from tests.gui.pages.test_machine_page import Window
from tests.gui.viewmodels.test_machine import MIB, loaded, predicted
from tests.services.test_load_audit import ANSWER

RESIDENT = ResidentForecast(process_bytes=60 * MIB, vocabulary_bytes=0, held_bytes=100 * MIB)


@pytest.fixture
def machine(garden: Garden) -> Iterator[MachineViewModel]:
    pump = EventPump(garden.bus)
    yield MachineViewModel(garden, pump)
    pump.close()


@pytest.fixture
def card(qtbot: QtBot, machine: MachineViewModel, theme: ThemeController) -> AuditCard:
    card = AuditCard(theme, machine, Window())  # type: ignore[arg-type]  # only what this card asks
    qtbot.addWidget(card)
    card.resize(700, 300)
    card.show()
    return card


def texts(card: AuditCard) -> str:
    return " ".join(label.text() for label in card.findChildren(QLabel) if label.isVisible())


def read(qtbot: QtBot, machine: MachineViewModel) -> None:
    with qtbot.waitSignal(machine.audited):
        machine.watch(True)
    qtbot.waitUntil(lambda: machine.snapshot is not None, timeout=30_000)
    machine.watch(False)


def choose(card: AuditCard, kind: str) -> None:
    segment = card.findChild(QAbstractButton, f"machine.auditKind.{kind}")
    assert segment is not None
    QTest.mouseClick(segment, Qt.MouseButton.LeftButton)


def test_buffers_and_residency_are_audited_apart(
    qtbot: QtBot, garden: Garden, machine: MachineViewModel, card: AuditCard
) -> None:
    load_id = garden.audit.loaded(loaded("m", 103), predicted(100), RESIDENT, garden.audit.free_ram())
    garden.audit.answered(load_id, ANSWER)
    read(qtbot, machine)

    assert card.table.index(0, 5).data() == "+3.0 %"
    assert "Not corrected: they are the engine's own plan." in texts(card)

    choose(card, "resident")

    # 165 MiB were held, 160 were forecast; the process is learned to take five more.
    assert card.table.index(0, 5).data() == "+3.1 %"
    assert "mean error  3.1 %" in texts(card)
    assert "the process takes 65.0 MiB, learned from 1 load." in texts(card)


def test_gpus_are_audited_where_they_held_something(
    qtbot: QtBot, garden: Garden, machine: MachineViewModel, card: AuditCard
) -> None:
    read(qtbot, machine)
    assert card.findChild(QAbstractButton, "machine.auditKind.gpu") is None
    on_gpu = FreeMemory(device="CUDA0", before_bytes=900 * MIB, after_bytes=100 * MIB)
    garden.audit.loaded(msgspec.structs.replace(loaded("m", 100), gpu_free=(on_gpu,)), predicted(100), RESIDENT)
    with qtbot.waitSignal(machine.audited):
        machine.watch(True)
    machine.watch(False)

    choose(card, "gpu")

    assert (card.table.rowCount(), card.table.index(0, 5).data()) == (1, "–")


def test_without_loads_there_is_nothing_to_choose(qtbot: QtBot, machine: MachineViewModel, card: AuditCard) -> None:
    read(qtbot, machine)

    assert "No model was loaded yet" in texts(card)
    assert "Not corrected" not in texts(card)
    segment = card.findChild(QAbstractButton, "machine.auditKind.buffers")
    assert segment is not None
    assert not segment.isVisible()
