"""One model on one machine at one moment: every page and command says the same of its memory."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from garden.cli.program import run
from garden.core.fit_forecast import DeviceMemory, FitForecast, FitMethod
from garden.core.hardware_snapshot import Engine, Gpu, HardwareSnapshot
from garden.core.quantity import GIB, format_bytes
from garden.fit.devices import process_bytes, ram_budget
from garden.fit.vocabulary import vocabulary_bytes
from garden.gui.main_window import MainWindow
from garden.gui.pages.compare_page import ComparePage
from garden.gui.pages.discover_page import DiscoverPage
from garden.gui.pages.library_page import LibraryPage
from garden.gui.pages.machine_page import MachinePage
from garden.gui.pages.welcome_page import WelcomePage
from garden.gui.pages.workshop_page import WorkshopPage
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.pane_foot import PaneFoot
from garden.hardware import probe
from garden.services.garden import Garden
from tests.hubserver import GgufFacts, HubServer, repository_of
from tests.tiny_models import write_tiny_model

REPO = "owner/Tiny-GGUF"


class OneMoment:
    """The machine, its memory as a test says."""

    def __init__(self) -> None:
        self.free = 5 * GIB
        self._real = probe.snapshot

    def __call__(self, engine: Engine | None = None, gpus: tuple[Gpu, ...] = ()) -> HardwareSnapshot:
        real = self._real(engine, gpus)
        return dataclasses.replace(real, ram_total_bytes=8 * GIB, ram_available_bytes=self.free)


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> OneMoment:
    moment = OneMoment()
    monkeypatch.setattr(probe, "snapshot", moment)
    return moment


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Large enough that its weights are not lost beside the process."""
    path = tmp_path / "Tiny-F16.gguf"
    write_tiny_model(path)
    return path


@pytest.fixture
def garden(model: Path, moment: OneMoment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Garden]:
    facts = GgufFacts(total=2_000_000, architecture="llama", context_length=2_048)
    repository = repository_of(REPO, model, gguf=facts, trending=1)
    with HubServer([repository]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        with Garden.open() as garden:
            garden.library.add_file(_copy(model))
            yield garden


def _copy(model: Path) -> Path:
    folder = model.parent / "library"
    folder.mkdir()
    return Path(shutil.copyfile(model, folder / model.name))


@pytest.fixture
def window(qtbot: QtBot, garden: Garden, theme: ThemeController) -> Iterator[MainWindow]:
    window = MainWindow(garden, theme)
    qtbot.addWidget(window)
    window.resize(1_440, 900)
    window.show_page("welcome")
    window.begin()
    yield window
    window.dismiss()


def _ram(forecast: FitForecast | None) -> DeviceMemory:
    assert forecast is not None
    return next(device for device in forecast.devices if device.kind == "ram")


class Pages:
    """All pages that say something of memory, opened one after the other."""

    def __init__(self, qtbot: QtBot, window: MainWindow, garden: Garden) -> None:
        entry = garden.library.entries()[0]
        self._window = window
        welcome, discover, library, workshop, compare, machine = (
            self._shown(name) for name in ("welcome", "discover", "library", "workshop", "compare", "machine")
        )
        assert isinstance(welcome, WelcomePage)
        assert isinstance(discover, DiscoverPage)
        assert isinstance(library, LibraryPage)
        assert isinstance(workshop, WorkshopPage)
        assert isinstance(compare, ComparePage)
        assert isinstance(machine, MachinePage)
        self.welcome, self.discover, self.library = welcome, discover, library
        self.workshop, self.compare, self.machine = workshop, compare, machine
        discover.repository.open(REPO)
        workshop.workshop.choose_source(entry)
        compare.compare_models([entry], {})
        qtbot.waitUntil(self._known, timeout=30_000)

    def _shown(self, name: str) -> object:
        self._window.show_page(name)
        return self._window.page(name)

    def _known(self) -> bool:
        return (
            bool(self.welcome.welcome.rows)
            and any(row.forecast is not None and row.header for row in self.discover.repository.files.rows)
            and any(row.forecast is not None for row in self.library.library.table.rows)
            and any(row.fit is not None for row in self.workshop.workshop.table.rows)
            and self.compare.compare.conversation is not None
            and self.compare.compare.pane("A").forecast is not None
            and self.machine.machine.snapshot is not None
        )

    def forecasts(self) -> dict[str, FitForecast | None]:
        """Of the model, by page."""
        return {
            "discover": self.discover.repository.files.rows[0].forecast,
            "library": self.library.library.table.rows[0].forecast,
            "compare": self.compare.compare.pane("A").forecast,
        }

    def free(self) -> dict[str, int]:
        """What every page takes for free, bytes."""
        machine = self.machine.machine.snapshot
        assert machine is not None
        meter = self._window.memory.snapshot
        assert meter is not None
        return {
            **{page: _ram(forecast).available_bytes for page, forecast in self.forecasts().items()},
            "workshop": next(
                _ram(row.fit).available_bytes for row in self.workshop.workshop.table.rows if row.fit is not None
            ),
            "welcome": _ram(self.welcome.welcome.rows[0].forecast).available_bytes,
            "machine": machine.ram_free_bytes,
            "meter": meter.ram_free_bytes,
        }


def test_every_page_says_the_same(
    qtbot: QtBot, window: MainWindow, garden: Garden, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = Pages(qtbot, window, garden)
    found = {page: _ram(forecast) for page, forecast in pages.forecasts().items()}

    assert found["discover"] == found["library"] == found["compare"]
    ram = found["library"]
    header = garden.fit.header(garden.library.entries()[0].ref)
    machine = garden.machine.snapshot()
    assert ram.need_bytes == ram.required_bytes + vocabulary_bytes(header) + process_bytes(machine)
    assert ram.margin_bytes == ram_budget(machine, 0).margin_bytes
    assert set(pages.free().values()) == {5 * GIB}

    # In words: what stands there is the need, and it is called so.
    foot = pages.compare.findChild(PaneFoot)
    assert foot is not None
    assert foot.value("Need") == format_bytes(ram.need_bytes)
    assert f"the engine's buffers {format_bytes(ram.required_bytes)}" in foot.toolTip()
    shown = {label.text() for label in pages.discover.findChildren(QLabel)}
    assert f"{ram.need_bytes / GIB:.2f}" in shown
    assert "of 5.0 free" in shown

    assert run(["fit", str(model), "--json"], open_window=lambda: 0, render_pages=lambda _folder: []) == 0
    (device,) = json.loads(capsys.readouterr().out)["devices"]
    assert (device["required_bytes"], device["available_bytes"]) == (ram.required_bytes, 5 * GIB)
    assert run(["fit", str(model)], open_window=lambda: 0, render_pages=lambda _folder: []) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[1].split() == ["Device", "Buffers", "Need", "Free"]
    sizes = map(format_bytes, (ram.required_bytes, ram.need_bytes, ram.available_bytes))
    assert next(line for line in table if line.startswith("RAM")).split() == ["RAM", *" ".join(sizes).split()]
    assert run(["hardware", "--json"], open_window=lambda: 0, render_pages=lambda _folder: []) == 0
    assert json.loads(capsys.readouterr().out)["ram_available_bytes"] == 5 * GIB


def test_all_of_them_follow_when_memory_moves(
    qtbot: QtBot, window: MainWindow, garden: Garden, moment: OneMoment
) -> None:
    pages = Pages(qtbot, window, garden)

    moment.free = 3 * GIB
    window.memory.read()
    qtbot.waitUntil(lambda: set(pages.free().values()) == {3 * GIB}, timeout=20_000)

    # A little is no news: nothing is forecast anew, and nothing differs.
    moment.free = 3 * GIB - 1024**2
    window.memory.read()
    qtbot.wait(300)
    assert set(pages.free().values()) == {3 * GIB}


def test_another_machine_has_the_same_bound_of_its_speed_everywhere(
    qtbot: QtBot, window: MainWindow, garden: Garden
) -> None:
    pages = Pages(qtbot, window, garden)
    machine = garden.what_if.named("rtx-4090").imagined(32 * GIB)
    entry = garden.library.entries()[0]
    header = garden.fit.header(entry.ref)
    load = garden.fit.default_load(header, garden.what_if.as_seen(machine))
    expected = garden.what_if.forecast(header, load, machine).decode_tokens_per_second
    assert expected is not None

    garden.what_if.choose(machine)

    def speeds() -> set[float | None]:
        forecasts = pages.forecasts()
        return {
            forecast.decode_tokens_per_second if forecast is not None else None
            for forecast in (forecasts["discover"], forecasts["library"])
        }

    qtbot.waitUntil(lambda: speeds() == {expected}, timeout=20_000)
    window.show_page("discover")
    shown = [label.text() for label in pages.discover.findChildren(QLabel)]
    assert [text for text in shown if text.startswith("At most ")] == [
        f"At most {expected:,.0f} tok/s · by the published speed of its memory"
    ]
    assert pages.library.library.table.rows[0].speed.startswith("≤ ")


def test_the_list_says_of_the_open_repository_what_its_file_says(
    qtbot: QtBot, window: MainWindow, garden: Garden
) -> None:
    pages = Pages(qtbot, window, garden)
    window.show_page("discover")
    models, files = pages.discover.search.models, pages.discover.repository.files

    def best() -> FitForecast | None:
        row = next((row for row in files.rows if row.recommended), None)
        return (
            None
            if row is None or row.forecast is None
            else dataclasses.replace(row.forecast, quant_type=row.file.quant_type)
        )

    qtbot.waitUntil(lambda: models.rowCount() > 0 and models.rated(0).forecast == best(), timeout=20_000)


def test_a_cache_type_chosen_on_a_page_changes_no_row(qtbot: QtBot, window: MainWindow, garden: Garden) -> None:
    pages = Pages(qtbot, window, garden)
    window.show_page("discover")
    models, page = pages.discover.search.models, pages.discover.repository
    qtbot.waitUntil(
        lambda: models.rowCount() > 0 and models.rated(0).forecast.method is not FitMethod.ROUGH, timeout=20_000
    )
    before = models.rated(0).forecast
    shown = [row.forecast.kv_cache_bytes for row in page.files.rows if row.forecast]

    page.options.choose_kv_type("q4_0")

    qtbot.waitUntil(
        lambda: page.settled and [row.forecast.kv_cache_bytes for row in page.files.rows if row.forecast] != shown
    )
    assert models.rated(0).forecast.kv_cache_bytes == before.kv_cache_bytes
    assert pages.discover.search.ratings.basis.endswith("f16 cache")
