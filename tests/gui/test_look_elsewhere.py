"""An open window notices what other programs of Garden, and a build of the engine, have changed beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from garden.gui.bridge.event_pump import EventPump
from garden.gui.look_elsewhere import LookElsewhere
from garden.gui.pages.machine_page import MachinePage
from garden.gui.theme.theme import ThemeController
from garden.services.garden import Garden

pytestmark = pytest.mark.engine

#: What another program does: it measures this machine, with figures made up so that the test takes no half minute.
_CALIBRATE = """
import time
from garden.core.calibration import Calibration, DeviceSpeed
from garden.services.garden import Garden
from garden.store.calibrations import Calibrations

with Garden.open(work_offline=True) as garden:
    garden.machine.read()
    speed = DeviceSpeed(device="cpu", name="CPU", token_seconds=0.001, layer_seconds=0.0001)
    facts = dict(logit_seconds=0.0, seconds=1.0, measured_at=time.time())
    found = Calibration(setup=garden.calibration.setup(), speeds=(speed,), **facts)
    Calibrations(garden._work).record(found)
"""


class _Window:
    """What the page asks of the window."""

    def show_page(self, name: str) -> None:
        raise AssertionError(name)

    def notify(self, sentence: str, action: str = "") -> None:
        pass


@pytest.fixture
def page(qtbot: QtBot, garden: Garden, theme: ThemeController) -> Iterator[MachinePage]:
    pump = EventPump(garden.bus)
    page = MachinePage(garden, pump, _Window(), theme)  # type: ignore[arg-type]  # only what this page asks
    elsewhere = LookElsewhere(garden, pump, page)
    qtbot.addWidget(page)
    page.resize(1_264, 900)
    page.show()
    elsewhere.watch(True)
    qtbot.waitUntil(lambda: page.machine.snapshot is not None and not page.machine.probing, timeout=30_000)
    qtbot.waitUntil(lambda: page.speed.read, timeout=30_000)
    yield page
    elsewhere.watch(False)
    page.hide()
    pump.close()


def _texts(page: MachinePage) -> str:
    return "\n".join(label.text() for label in page.findChildren(QLabel) if label.isVisible() and label.text())


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engine that cannot be loaded lies before the real one, for this process and its children."""
    folder = tmp_path / "before"
    (folder / "llama_cpp").mkdir(parents=True)
    (folder / "llama_cpp" / "__init__.py").write_text("raise ImportError('not built yet')")
    facts = folder / "llama_cpp_python-0.0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: 0.0.1\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    return folder


def _measured_elsewhere() -> None:
    subprocess.run([sys.executable, "-c", _CALIBRATE], check=True, timeout=60)


def test_an_engine_that_was_built_beside_the_window_is_noticed(
    qtbot: QtBot, no_engine: Path, page: MachinePage
) -> None:
    assert page.machine.snapshot is not None
    assert not page.machine.snapshot.engine.installed

    shutil.rmtree(no_engine)

    qtbot.waitUntil(lambda: page.machine.snapshot.engine.installed, timeout=30_000)  # type: ignore[union-attr]  # read above
    assert any(line.startswith("llama-cpp-python ") for line in _texts(page).splitlines())


def test_a_calibration_of_another_program_is_noticed(qtbot: QtBot, page: MachinePage) -> None:
    assert page.speed.calibration is None

    _measured_elsewhere()

    qtbot.waitUntil(lambda: page.speed.calibration is not None, timeout=20_000)
    assert "Measure again" in {button.text() for button in page.findChildren(QAbstractButton)}


def test_the_reload_button_reads_what_was_measured_elsewhere(qtbot: QtBot, page: MachinePage) -> None:
    for elsewhere in page.findChildren(LookElsewhere):
        elsewhere.watch(False)
    _measured_elsewhere()
    again = page.findChild(QAbstractButton, "machine.readAgain")
    assert again is not None

    QTest.mouseClick(again, Qt.MouseButton.LeftButton)

    qtbot.waitUntil(lambda: page.speed.calibration is not None, timeout=20_000)
