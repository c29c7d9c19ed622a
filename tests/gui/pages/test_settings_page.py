from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from garden.gui.pages import settings_folders
from garden.gui.pages.setting_row import SettingRow
from garden.gui.pages.settings_page import SettingsPage
from garden.gui.theme.theme import ThemeController
from garden.services.folder_move import FolderMove
from garden.store.settings import SettingsStore
from tests.gui.open_garden import OpenGarden, Window, open_garden
from tests.hubserver import HubServer
from tests.services.other_programs.store_files import in_ollama


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenGarden]:
    monkeypatch.delenv("HF_ENDPOINT")
    with open_garden(work_offline=False) as opened:
        yield opened


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def page(qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController) -> SettingsPage:
    page = SettingsPage(opened.garden, opened.pump, window, theme)
    qtbot.addWidget(page)
    page.resize(1_264, 900)
    page.show()
    return page


def _click(qtbot: QtBot, page: QWidget, name: str) -> None:
    button = page.findChild(QAbstractButton, name)
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def _shown_rows(page: SettingsPage) -> list[str]:
    return [row.title for row in page.findChildren(SettingRow) if row.isVisible()]


def test_a_choice_is_written_at_once(qtbot: QtBot, page: SettingsPage, data_dirs: Path) -> None:
    _click(qtbot, page, "settings.theme.dark")

    store = SettingsStore(data_dirs / "data" / "settings.json")
    qtbot.waitUntil(lambda: store.load().theme == "dark")


@pytest.mark.parametrize(
    ("section", "control", "field", "value"),
    [
        ("general", "settings.textSize.1.3", "text_scale", 1.3),
        ("general", "settings.density.comfortable", "density", "comfortable"),
        ("folders", "settings.program.ollama", "hidden_programs", ("ollama",)),
        ("folders", "settings.upstream", "check_upstream", False),
        ("hub", "settings.parallel.3", "parallel_downloads", 3),
        ("hub", "settings.offline", "offline", True),
        ("engine", "settings.context.8192", "context_length", 8_192),
        ("engine", "settings.kvType.q8_0", "kv_type", "q8_0"),
    ],
)
def test_every_control_changes_its_setting(
    qtbot: QtBot, page: SettingsPage, opened: OpenGarden, section: str, control: str, field: str, value: object
) -> None:
    page.show_section(section)

    _click(qtbot, page, control)

    qtbot.waitUntil(lambda: getattr(opened.garden.settings.current, field) == value)


def test_a_section_shows_its_rows_alone(qtbot: QtBot, page: SettingsPage) -> None:
    _click(qtbot, page, "settings.section.hub")

    assert _shown_rows(page) == [
        "Address",
        "Sign in",
        "Work offline",
        "At the same time",
        "Bandwidth limit",
        "Check every file",
    ]


def test_a_search_finds_settings_of_every_section(qtbot: QtBot, page: SettingsPage) -> None:
    field = page.findChild(QLineEdit, "settings.search")
    assert field is not None

    QTest.keyClicks(field, "context")

    assert _shown_rows(page) == ["Context", "KV cache"]


def test_an_address_that_is_none_is_refused_beside_its_field(
    qtbot: QtBot, page: SettingsPage, opened: OpenGarden
) -> None:
    page.show_section("hub")
    field = page.findChild(QLineEdit, "settings.endpoint")
    assert field is not None

    QTest.keyClicks(field, "my hub")
    QTest.keyClick(field, Qt.Key.Key_Return)

    assert page.settings.endpoint_problem.startswith("Write it as https://host")
    assert opened.garden.settings.current.endpoint == ""


def test_a_mirror_is_taken(qtbot: QtBot, page: SettingsPage, opened: OpenGarden) -> None:
    page.show_section("hub")
    field = page.findChild(QLineEdit, "settings.endpoint")
    assert field is not None

    QTest.keyClicks(field, "https://mirror.example/")
    QTest.keyClick(field, Qt.Key.Key_Return)

    qtbot.waitUntil(lambda: opened.garden.settings.endpoint == "https://mirror.example")


@pytest.fixture
def hub(opened: OpenGarden) -> Iterator[HubServer]:
    """A Hub that knows Ada, and that is in use."""
    with HubServer(accounts={"hf_abc1234": "ada"}) as hub:
        hub.state.organisations["ada"] = ["babbage"]
        opened.garden.settings.change(endpoint=hub.endpoint)
        yield hub


def _type_token(page: SettingsPage, token: str) -> QLineEdit:
    page.show_section("hub")
    field = page.findChild(QLineEdit, "settings.token")
    assert field is not None
    assert field.echoMode() is QLineEdit.EchoMode.Password
    QTest.keyClicks(field, token)
    return field


def _row(page: SettingsPage, title: str) -> SettingRow:
    return next(row for row in page.findChildren(SettingRow) if row.title == title)


def _texts(row: SettingRow) -> str:
    return " ".join(label.text() for label in row.findChildren(QLabel) if label.isVisible())


def test_signing_in_and_out(
    qtbot: QtBot, page: SettingsPage, window: Window, opened: OpenGarden, hub: HubServer
) -> None:
    field = _type_token(page, "hf_abc1234")
    _click(qtbot, page, "settings.signIn")

    qtbot.waitUntil(lambda: page.settings.account.signed_in, timeout=10_000)
    assert field.text() == ""
    assert window.said == ["Signed in as ada."]
    qtbot.waitUntil(lambda: "ada, of babbage." in _texts(_row(page, "Sign in")), timeout=10_000)
    assert page.settings.account.label == "Signed in, read token"
    _click(qtbot, page, "settings.signOut")
    qtbot.waitUntil(lambda: not page.settings.account.signed_in, timeout=10_000)
    assert opened.garden.settings.token() is None
    assert "ada" not in _texts(_row(page, "Sign in"))


def test_a_wrong_token_is_told_in_its_row_and_not_kept(
    qtbot: QtBot, page: SettingsPage, window: Window, opened: OpenGarden, hub: HubServer
) -> None:
    _type_token(page, "hf_wrong1234")
    _click(qtbot, page, "settings.signIn")

    refused = "does not accept this token; nothing was kept"
    qtbot.waitUntil(lambda: refused in _texts(_row(page, "Sign in")), timeout=10_000)
    assert opened.garden.settings.token() is None
    assert window.said == []
    unchecked = page.findChild(QAbstractButton, "settings.keepUnchecked")
    assert unchecked is not None
    assert not unchecked.isVisible()


def test_a_token_that_is_refused_later_makes_room_for_another(
    qtbot: QtBot, page: SettingsPage, opened: OpenGarden, hub: HubServer
) -> None:
    opened.garden.settings.set_token("hf_expired1234")
    page.show_section("hub")
    page.settings.account.load()
    qtbot.waitUntil(lambda: "does not accept the token" in _texts(_row(page, "Sign in")), timeout=10_000)

    field = _type_token(page, "hf_abc1234")
    assert field.isVisible()
    _click(qtbot, page, "settings.signIn")

    qtbot.waitUntil(lambda: "ada, of babbage." in _texts(_row(page, "Sign in")), timeout=10_000)
    assert not field.isVisible()
    assert opened.garden.settings.token() == "hf_abc1234"


def test_a_token_that_cannot_be_checked_is_kept_when_the_user_says_so(
    qtbot: QtBot, page: SettingsPage, opened: OpenGarden
) -> None:
    opened.garden.settings.change(endpoint="http://127.0.0.1:9")
    _type_token(page, "hf_abc1234")
    _click(qtbot, page, "settings.signIn")

    qtbot.waitUntil(lambda: "could not be checked" in _texts(_row(page, "Sign in")), timeout=10_000)
    assert opened.garden.settings.token() is None
    _click(qtbot, page, "settings.keepUnchecked")
    qtbot.waitUntil(lambda: page.settings.account.signed_in, timeout=10_000)
    assert opened.garden.settings.token() == "hf_abc1234"


def test_hubs_are_kept_under_names_used_and_forgotten(qtbot: QtBot, page: SettingsPage, opened: OpenGarden) -> None:
    page.show_section("hub")
    settings = opened.garden.settings
    assert "Keep this Hub" not in _shown_rows(page)
    page.settings.set_endpoint("https://mirror.example")
    qtbot.waitUntil(lambda: "Keep this Hub" in _shown_rows(page))
    field = page.findChild(QLineEdit, "settings.endpoint.name")
    assert field is not None

    QTest.keyClicks(field, "Office")
    _click(qtbot, page, "settings.endpoint.keep")

    qtbot.waitUntil(lambda: "Office" in _shown_rows(page))
    assert "Keep this Hub" not in _shown_rows(page)
    _click(qtbot, page, "settings.endpoint.0.use")
    qtbot.waitUntil(lambda: settings.endpoint == "https://huggingface.co")
    _click(qtbot, page, "settings.endpoint.1.use")
    qtbot.waitUntil(lambda: settings.endpoint == "https://mirror.example")
    _click(qtbot, page, "settings.endpoint.1.forget")
    qtbot.waitUntil(lambda: "Office" not in _shown_rows(page))
    assert settings.endpoint == "https://huggingface.co"


class _LockableKeychain(KeyringBackend):
    """A keychain as systems have one: locked, it neither tells nor changes anything. Notes who asks it."""

    priority = 5.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.asked_on: set[threading.Thread] = set()

    def get_password(self, service: str, username: str) -> str | None:
        self._look()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._look()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._look()
        del self.kept[service, username]

    def _look(self) -> None:
        self.asked_on.add(threading.current_thread())
        if self.locked:
            raise KeyringLocked("locked")


@pytest.fixture
def keychain() -> Iterator[_LockableKeychain]:
    before = keyring.get_keyring()
    chain = _LockableKeychain()
    keyring.set_keyring(chain)
    yield chain
    keyring.set_keyring(before)


def test_a_locked_keychain_that_keeps_the_token_is_told_and_signing_out_can_be_tried_again(
    qtbot: QtBot, keychain: _LockableKeychain, page: SettingsPage, window: Window, hub: HubServer
) -> None:
    page.show_section("hub")
    page.settings.account.sign_in("hf_abc1234")
    qtbot.waitUntil(lambda: page.settings.account.signed_in, timeout=10_000)
    keychain.locked = True
    window.said.clear()

    _click(qtbot, page, "settings.signOut")
    qtbot.waitUntil(lambda: bool(window.said), timeout=10_000)

    assert window.said == [
        "The token could not be forgotten: it is still in the keychain. Unlock the keychain, then try again."
    ]
    assert page.settings.account.signed_in
    keychain.locked = False
    _click(qtbot, page, "settings.signOut")
    qtbot.waitUntil(lambda: not page.settings.account.signed_in, timeout=10_000)
    assert keychain.kept == {}
    assert threading.main_thread() not in keychain.asked_on


def test_the_engine_is_named_as_it_was_probed(qtbot: QtBot, page: SettingsPage) -> None:
    page.show_section("engine")

    qtbot.waitUntil(lambda: page.settings.snapshot is not None, timeout=30_000)

    row = next(row for row in page.findChildren(SettingRow) if row.title == "llama.cpp")
    assert row.matches(("llama-cpp-python",)) or row.matches(("not", "installed"))


def test_a_forgotten_folder_is_listed_no_longer(
    qtbot: QtBot, page: SettingsPage, opened: OpenGarden, tmp_path: Path
) -> None:
    opened.garden.library.add_folder(tmp_path).result(30)
    page.show_section("folders")
    qtbot.waitUntil(lambda: str(tmp_path) in _shown_rows(page), timeout=10_000)

    _click(qtbot, page, "settings.folder.0")

    qtbot.waitUntil(lambda: str(tmp_path) not in _shown_rows(page), timeout=10_000)
    assert opened.garden.settings.current.folders == ()


def test_a_program_is_shown_with_its_place_and_comes_back(
    qtbot: QtBot, page: SettingsPage, opened: OpenGarden, tiny_model: Path
) -> None:
    blob = in_ollama(tiny_model)
    page.show_section("folders")
    page.settings.load()
    qtbot.waitUntil(lambda: str(blob.parent.parent) in page.settings.store_note("ollama"), timeout=10_000)
    assert page.settings.store_note("jan") == "Not found on this machine."

    def listed() -> list[str]:
        return [entry.ref.name for entry in opened.garden.library.entries()]

    opened.garden.library.scan().result(20)
    assert listed() == ["tiny:latest"]
    _click(qtbot, page, "settings.program.ollama")
    qtbot.waitUntil(lambda: listed() == [], timeout=10_000)
    _click(qtbot, page, "settings.program.ollama")
    qtbot.waitUntil(lambda: listed() == ["tiny:latest"], timeout=10_000)


def test_the_models_folder_moves_stops_and_goes_on(
    qtbot: QtBot, page: SettingsPage, opened: OpenGarden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = opened.garden.settings.models_dir, tmp_path / "new"
    old.mkdir(parents=True)
    for name in ("a.gguf", "b.gguf"):
        (old / name).write_bytes(b"GGUF" * 1_000)
    move = FolderMove._move
    go_on = threading.Event()

    def waiting(self: FolderMove, path: Path, report: Callable[[int], None], cancelled: threading.Event) -> None:
        move(self, path, report, cancelled)
        assert go_on.is_set() or cancelled.wait(20)

    monkeypatch.setattr(FolderMove, "_move", waiting)
    monkeypatch.setattr(
        settings_folders, "choose_folder", lambda _parent, _title, on_chosen, **_options: on_chosen(new)
    )
    page.show_section("folders")
    _click(qtbot, page, "settings.modelsDir.move")
    stop = page.findChild(QAbstractButton, "settings.modelsDir.stop")
    again = page.findChild(QAbstractButton, "settings.modelsDir.moveOn")
    assert stop is not None
    assert again is not None
    row = next(row for row in page.findChildren(SettingRow) if row.title == "Models folder")
    qtbot.waitUntil(lambda: stop.isVisible() and row.matches(["moving", "to", "new"]), timeout=10_000)
    qtbot.waitUntil((new / "a.gguf").exists, timeout=10_000)

    _click(qtbot, page, "settings.modelsDir.stop")
    qtbot.waitUntil(lambda: again.isVisible() and not stop.isVisible(), timeout=10_000)
    assert sorted(path.name for folder in (old, new) for path in folder.iterdir()) == ["a.gguf", "b.gguf"]
    assert row.matches([str(new).lower(), "already"])

    go_on.set()
    _click(qtbot, page, "settings.modelsDir.moveOn")
    qtbot.waitUntil(lambda: opened.garden.settings.models_dir == new, timeout=10_000)
    qtbot.waitUntil(lambda: not again.isVisible(), timeout=10_000)
    assert sorted(path.name for path in new.iterdir()) == ["a.gguf", "b.gguf"]
