"""The card on Machine that gives the engine a GPU, on a real Garden with real children."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from garden.core.added_backend import added_backends
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.backend_card import BackendCard, BackendRow
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.backends import BackendsViewModel
from garden.services.backend_catalogue import package_for, this_system
from garden.services.garden import Garden
from tests.backend_files import compiled
from tests.npm_registry import NpmRegistry

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(this_system() != "linux-x64", reason="no prebuilt backend was tried on this system"),
]

VULKAN = package_for("vulkan", "linux-x64")


@pytest.fixture
def garden(data_dirs: Path) -> Iterator[Garden]:
    with Garden.open() as garden:
        yield garden


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def backends(qapp: object, garden: Garden, said: list[str]) -> Iterator[BackendsViewModel]:
    pump = EventPump(garden.bus)
    model = BackendsViewModel(garden, pump)
    model.said.connect(lambda sentence, _action: said.append(sentence))
    yield model
    pump.close()


@pytest.fixture
def card(qtbot: QtBot, backends: BackendsViewModel, theme: ThemeController) -> BackendCard:
    card = BackendCard(theme, backends)
    qtbot.addWidget(card)
    card.resize(560, 200)
    assert card.isHidden()
    backends.watch(True)
    qtbot.waitUntil(lambda: bool(backends.rows), timeout=10_000)
    card.show()
    return card


def texts(card: BackendCard) -> str:
    return "\n".join(label.text() for label in card.findChildren(QLabel) if label.isVisible())


def press(card: BackendCard, name: str) -> None:
    button = card.findChild(QAbstractButton, name)
    assert isinstance(button, QAbstractButton)
    assert button.isVisible()
    button.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(button, Qt.Key.Key_Space)


def test_an_offer_is_one_consented_action(card: BackendCard) -> None:
    (row,) = card.findChildren(BackendRow)

    assert "Vulkan backend" in texts(card)
    assert "23.2 MiB" in texts(card)
    assert "MIT" in texts(card)
    assert row.accessibleName().startswith("Vulkan backend. 23.2 MiB.")
    (visible,) = [button for button in row.findChildren(QAbstractButton) if button.isVisible()]
    assert visible.accessibleName() == "Switch on: Vulkan backend"


@pytest.fixture
def registry(vulkan_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NpmRegistry]:
    if shutil.which("npm") is None:
        pytest.skip("npm is not here, so it can fetch nothing")
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    content = vulkan_archive.read_bytes()
    with NpmRegistry(VULKAN.package, VULKAN.version, content, bytes_per_second=30_000_000) as running:
        monkeypatch.setenv("npm_config_registry", running.address)
        yield running


def test_switched_on_and_off_again(
    qtbot: QtBot,
    card: BackendCard,
    backends: BackendsViewModel,
    said: list[str],
    registry: NpmRegistry,
    software_gpu: None,
) -> None:
    seen: list[float] = []
    backends.changed.connect(lambda: seen.extend(row.fraction for row in backends.rows if row.fraction is not None))
    press(card, "machine.backend.vulkan.switch_on")

    qtbot.waitUntil(lambda: backends.rows[0].tag == "On", timeout=60_000)
    assert len(set(seen)) > 2
    assert seen == sorted(seen)
    assert "Vulkan0" in texts(card)
    assert said == ["Vulkan is switched on: Vulkan0."]
    assert [record.name for record in added_backends()] == ["vulkan"]

    press(card, "machine.backend.vulkan.switch_off")
    qtbot.waitUntil(lambda: len(said) == 2, timeout=30_000)
    qtbot.waitUntil(lambda: "23.2 MiB" in texts(card), timeout=10_000)
    assert added_backends() == ()


def test_a_cancel_is_an_offer_again(
    qtbot: QtBot, card: BackendCard, backends: BackendsViewModel, said: list[str], registry: NpmRegistry
) -> None:
    press(card, "machine.backend.vulkan.switch_on")
    qtbot.waitUntil(lambda: (backends.rows[0].fraction or 0) > 0.1, timeout=30_000)
    # The keyboard is where the button was.
    press(card, "machine.backend.vulkan.cancel")

    qtbot.waitUntil(lambda: "23.2 MiB" in texts(card), timeout=30_000)
    assert said == []


def test_a_file_that_fails_its_trial_says_why_in_its_row(
    qtbot: QtBot, card: BackendCard, backends: BackendsViewModel, tmp_path: Path, said: list[str]
) -> None:
    path = compiled(tmp_path, "no device")
    press(card, "machine.backends.file")
    (dialog,) = card.window().findChildren(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.close()

    qtbot.waitUntil(lambda: any(row.tag == "Stays off" for row in backends.rows), timeout=60_000)
    assert "finds no device" in texts(card)
    assert len(said) == 1
    assert added_backends() == ()

    press(card, f"machine.backend.{path}.try_again")
    qtbot.waitUntil(lambda: len(said) == 2, timeout=60_000)
