"""Where models lie: folders that Garden writes to, folders and stores that it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices

from garden.core.library_entry import PROGRAM_NAMES, OtherProgram
from garden.core.paths import hub_cache_dir
from garden.gui.pages.setting_row import SettingRow
from garden.gui.pages.settings_section import Section
from garden.gui.widgets.button import Button
from garden.gui.widgets.file_dialog import choose_folder
from garden.gui.widgets.switch import Switch

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.settings import SettingsViewModel


class FoldersSection(Section):
    """Where models lie."""

    def __init__(self, theme: ThemeController, model: SettingsViewModel) -> None:
        super().__init__(theme, model)
        choose = Button(theme, "Change", small=True, name="settings.modelsDir.change", hint="Choose a folder")
        choose.clicked.connect(self._on_choose)
        self._choose = choose
        self._move = Button(theme, "Move", small=True, name="settings.modelsDir.move", hint="Move it with its files")
        self._move.clicked.connect(self._on_move)
        self._move_on = Button(theme, "Go on", small=True, name="settings.modelsDir.moveOn", hint="Move what is left")
        self._move_on.clicked.connect(model.move_on)
        stop = Button(
            theme, "Cancel", small=True, name="settings.modelsDir.stop", hint="Each file stays where it is then"
        )
        stop.clicked.connect(model.stop_move)
        self._stop = stop
        self._reset = Button(theme, "Reset", kind="ghost", small=True, name="settings.modelsDir.reset")
        self._reset.clicked.connect(lambda: model.change(models_dir=None))
        self._models = SettingRow(theme, "Models folder", " ", (self._reset, choose, self._move, self._move_on, stop))
        self._upstream = Switch(theme, name="settings.upstream", label="Look for newer versions")
        self._upstream.clicked.connect(lambda: model.change(check_upstream=self._upstream.isChecked()))
        cache = Button(theme, "Open", small=True, name="settings.cache.open", hint="Open the Hub cache")
        cache.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(hub_cache_dir()))))
        self.add_group(
            "What Garden writes",
            (
                self._models,
                SettingRow(
                    theme,
                    "Hub cache",
                    f"{hub_cache_dir()}. Shared with other tools; HF_HOME moves it.",
                    (cache,),
                ),
                SettingRow(
                    theme,
                    "Look for newer versions",
                    "Once a day, one request per repository of the Hub cache. Never offline.",
                    (self._upstream,),
                ),
            ),
        )
        add = Button(theme, "Add folder", icon="folder", small=True, name="settings.folders.add")
        add.clicked.connect(self._on_add)
        self._folders = self.add_group(
            "Other folders and files",
            (SettingRow(theme, "Folders with GGUF files", "Read in place, never changed or copied.", (add,)),),
        )
        self._shown: dict[str, SettingRow] = {}
        self._switches: dict[OtherProgram, Switch] = {}
        self._programs: dict[OtherProgram, SettingRow] = {}
        for program, name in PROGRAM_NAMES.items():
            switch = Switch(theme, name=f"settings.program.{program}", label=f"List the models of {name}")
            switch.clicked.connect(lambda _checked=False, which=program: self._on_program(which))
            self._switches[program] = switch
            self._programs[program] = SettingRow(theme, name, " ", (switch,))
        self.add_group("Models of other programs", tuple(self._programs.values()))

    def refresh(self) -> None:
        """Show what is set now."""
        settings = self._model.settings
        moving, half = self._model.moving, self._model.half_moved
        self._models.set_description(self._model.models_note)
        self._reset.setVisible(settings.models_dir is not None and not moving and not half)
        self._choose.setVisible(not moving and not half)
        self._move.setVisible(not moving and not half)
        self._move_on.setVisible(half)
        self._stop.setVisible(moving)
        self._upstream.setChecked(settings.check_upstream)
        for program, row in self._programs.items():
            row.set_description(self._model.store_note(program))
            self._switches[program].setChecked(program not in settings.hidden_programs)
        listed = (*settings.folders, *settings.files)
        for folder in [folder for folder in self._shown if folder not in listed]:
            self._folders.card.remove_row(self._shown.pop(folder))
        for folder in listed:
            if folder not in self._shown:
                remove = Button(
                    self._theme,
                    "Forget",
                    kind="ghost",
                    small=True,
                    name=f"settings.folder.{len(self._shown)}",
                    hint="List its models no longer; the files stay",
                )
                remove.clicked.connect(lambda _checked=False, which=folder: self._model.forget_folder(which))
                row = SettingRow(self._theme, folder, "", (remove,))
                self._shown[folder] = row
                self._folders.card.add_row(row)

    @Slot()
    def _on_move(self) -> None:
        model = self._model
        choose_folder(self, "Where the models folder goes, with its files", model.move_models, start=model.models_dir)

    @Slot()
    def _on_choose(self) -> None:
        model = self._model
        choose_folder(
            self,
            "Folder for models made here",
            lambda folder: model.change(models_dir=str(folder)),
            start=model.models_dir,
        )

    @Slot()
    def _on_add(self) -> None:
        model = self._model
        choose_folder(self, "A folder with GGUF files", lambda folder: model.add_folder(str(folder)))

    def _on_program(self, program: OtherProgram) -> None:
        self._model.show_program(program, self._switches[program].isChecked())
