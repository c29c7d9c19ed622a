"""The sections of Settings that only tell: keys, versions, places, licences."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication

from garden.core.paths import data_dir
from garden.gui.pages.setting_row import SettingRow
from garden.gui.pages.settings_section import Section
from garden.gui.widgets.button import Button
from garden.gui.widgets.tag import KeyCap

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.settings import SettingsViewModel

_SHORTCUTS = (
    ("Anywhere", (
        ("Command palette", ("Ctrl", "K")),
        ("Discover, Library, Workshop, Compare, Machine, Activity", ("Ctrl", "1 … 6")),
        ("Settings", ("Ctrl", ",")),
        ("Search or filter the page", ("Ctrl", "F")),
        ("Show or fold the rail", ("Ctrl", "B")),
        ("Quit", ("Ctrl", "Q")),
    )),
    ("Lists and tables", (
        ("Move", ("↑ ↓",)),
        ("Open, download or try the row", ("Enter",)),
        ("Leave the list", ("Tab",)),
    )),
    ("Compare", (
        ("Send", ("Ctrl", "Enter")),
        ("Stop every pane", ("Esc",)),
    )),
)  # fmt: skip


class KeyboardSection(Section):
    """Keys."""

    def __init__(self, theme: ThemeController, model: SettingsViewModel) -> None:
        super().__init__(theme, model)
        for title, keys in _SHORTCUTS:
            rows = [SettingRow(theme, action, "", tuple(KeyCap(theme, cap) for cap in caps)) for action, caps in keys]
            self.add_group(title, rows)


class AboutSection(Section):
    """Version, places, licences."""

    def __init__(self, theme: ThemeController, model: SettingsViewModel) -> None:
        super().__init__(theme, model)
        data = Button(theme, "Open", small=True, name="about.data", hint="Open the data folder")
        data.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(data_dir()))))
        copy = Button(theme, "Copy", icon="copy", small=True, name="about.copy", hint="Copy the versions")
        copy.clicked.connect(self._on_copy)
        self.add_group(
            "Garden",
            (
                SettingRow(theme, f"Garden {_version('garden')}", "Apache-2.0. A model garden on your own machine."),
                SettingRow(theme, "Versions", _versions(), (copy,)),
                SettingRow(
                    theme,
                    "Your data",
                    f"{data_dir()}. Chats, receipts and measurements; nothing is sent anywhere.",
                    (data,),
                ),
            ),
        )
        self.add_group(
            "Made with",
            (
                SettingRow(theme, "llama.cpp and llama-cpp-python", "MIT"),
                SettingRow(theme, "Qt for Python", "LGPL-3.0"),
                SettingRow(theme, "Inter and JetBrains Mono", "SIL Open Font License 1.1"),
            ),
        )

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(_versions())
        self._model.said.emit("The versions were copied.", "")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _versions() -> str:
    named = (
        ("PySide6", "PySide6_Essentials"),
        ("llama-cpp-python", "llama_cpp_python"),
        ("huggingface-hub", "huggingface_hub"),
    )
    parts = [f"Python {platform.python_version()}", *(f"{title} {_version(package)}" for title, package in named)]
    return f"{', '.join(parts)}, {platform.system()} {platform.machine()}"
