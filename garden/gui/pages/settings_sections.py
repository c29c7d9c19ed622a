"""The sections of Settings. Each shows what the view model holds and changes nothing by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices

from garden.core.paths import hub_cache_dir
from garden.gui.pages.load_bar import KV_TYPES
from garden.gui.pages.setting_row import SettingRow
from garden.gui.pages.settings_section import Section
from garden.gui.widgets.button import Button
from garden.gui.widgets.file_dialog import choose_folder
from garden.gui.widgets.segmented_control import SegmentedControl

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.settings import SettingsViewModel

_TEXT_SIZES = (("0.9", "90 %"), ("1.0", "100 %"), ("1.15", "115 %"), ("1.3", "130 %"), ("1.5", "150 %"))
_CONTEXTS = (("", "Auto"), ("4096", "4k"), ("8192", "8k"), ("16384", "16k"), ("32768", "32k"))


class GeneralSection(Section):
    """Theme, text size, density."""

    def __init__(self, theme: ThemeController, model: SettingsViewModel) -> None:
        super().__init__(theme, model)
        self._scheme = SegmentedControl(
            theme,
            [("system", "System"), ("light", "Light"), ("dark", "Dark")],
            name="settings.theme",
            label="Theme",
        )
        self._scheme.chosen.connect(lambda key: model.change(theme=key))
        self._size = SegmentedControl(theme, _TEXT_SIZES, name="settings.textSize", label="Text size")
        self._size.chosen.connect(lambda key: model.change(text_scale=float(key)))
        self._density = SegmentedControl(
            theme,
            [("compact", "Compact"), ("comfortable", "Comfortable")],
            name="settings.density",
            label="Rows",
        )
        self._density.chosen.connect(lambda key: model.change(density=key))
        self.add_group(
            "Look",
            (
                SettingRow(theme, "Theme", "System follows the desktop, also while Garden runs.", (self._scheme,)),
                SettingRow(theme, "Text size", "Controls grow with their text.", (self._size,)),
                SettingRow(theme, "Rows", "Comfortable gives each row a little more room.", (self._density,)),
            ),
        )

    def refresh(self) -> None:
        """Show what is set now."""
        settings = self._model.settings
        self._scheme.set_current(settings.theme)
        self._size.set_current(
            min((key for key, _title in _TEXT_SIZES), key=lambda key: abs(float(key) - settings.text_scale))
        )
        self._density.set_current(settings.density)


class FoldersSection(Section):
    """Where models lie."""

    def __init__(self, theme: ThemeController, model: SettingsViewModel) -> None:
        super().__init__(theme, model)
        choose = Button(theme, "Change", small=True, name="settings.modelsDir.change", hint="Choose a folder")
        choose.clicked.connect(self._on_choose)
        self._reset = Button(theme, "Reset", kind="ghost", small=True, name="settings.modelsDir.reset")
        self._reset.clicked.connect(lambda: model.change(models_dir=None))
        self._models = SettingRow(theme, "Models folder", " ", (self._reset, choose))
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
            ),
        )
        add = Button(theme, "Add folder", icon="folder", small=True, name="settings.folders.add")
        add.clicked.connect(self._on_add)
        self._folders = self.add_group(
            "Other folders",
            (SettingRow(theme, "Folders with GGUF files", "Read in place, never changed or copied.", (add,)),),
        )
        self._shown: dict[str, SettingRow] = {}

    def refresh(self) -> None:
        """Show what is set now."""
        settings = self._model.settings
        self._models.set_description(f"{self._model.models_dir}. Quantized models go here.")
        self._reset.setVisible(settings.models_dir is not None)
        for folder in [folder for folder in self._shown if folder not in settings.folders]:
            self._folders.card.remove_row(self._shown.pop(folder))
        for folder in settings.folders:
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


class EngineSection(Section):
    """The engine, and what a load starts from."""

    def __init__(self, theme: ThemeController, model: SettingsViewModel) -> None:
        super().__init__(theme, model)
        self._context = SegmentedControl(theme, _CONTEXTS, name="settings.context", label="Context")
        self._context.chosen.connect(lambda key: model.change(context_length=int(key) if key else None))
        self._kv = SegmentedControl(
            theme, [(kind, kind) for kind in KV_TYPES], name="settings.kvType", label="KV cache"
        )
        self._kv.chosen.connect(lambda key: model.change(kv_type=key))
        self.add_group(
            "Loading a model",
            (
                SettingRow(
                    theme,
                    "Context",
                    "Auto takes what the model was trained for, at most 16k. A pane can differ.",
                    (self._context,),
                ),
                SettingRow(
                    theme,
                    "KV cache",
                    "q8_0 halves the memory of the context; answers change a little.",
                    (self._kv,),
                ),
            ),
        )
        self._version = SettingRow(theme, "llama.cpp", " ")
        self._devices = SettingRow(theme, "Devices", " ")
        self._again = Button(theme, "Look again", icon="retry", small=True, name="settings.probe")
        self._again.clicked.connect(model.probe)
        self._build = SettingRow(theme, "Build", " ", (self._again,))
        self.add_group("Engine", (self._version, self._devices, self._build))

    def refresh(self) -> None:
        """Show what is set now."""
        settings = self._model.settings
        self._context.set_current(str(settings.context_length or ""))
        self._kv.set_current(settings.kv_type)
        self._again.set_usable(not self._model.probing, "The machine is being looked at.")
        snapshot = self._model.snapshot
        if snapshot is None:
            return
        engine = snapshot.engine
        if engine.installed:
            self._version.set_description(f"llama-cpp-python {engine.version}, each model in a process of its own.")
        else:
            problem = engine.problem or "The engine is not installed."
            self._version.set_description(f"{problem} Install it with: python packaging/bootstrap.py setup")
        devices = [f"{device.description or device.name} ({device.name})" for device in engine.devices]
        idle = [gpu.name for gpu in snapshot.gpus if gpu.device is None]
        text = ", ".join(devices) or "none"
        if idle:
            text += f". Not used: {', '.join(idle)}. Machine can give the engine what it needs for it."
        self._devices.set_description(text)
        self._build.set_description(_features(engine.system_info) or "unknown")


def _features(system_info: str) -> str:
    """``CPU: AVX2, FMA``, from llama.cpp's ``CPU : AVX2 = 1 | FMA = 1 | ``."""
    parts = [part.strip() for part in system_info.split("|")]
    return ", ".join(part.replace(" = 1", "").replace(" : ", ": ") for part in parts if part)
