"""The sections of Settings. Each shows what the view model holds and changes nothing by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from garden.gui.pages.load_bar import KV_TYPES
from garden.gui.pages.setting_row import SettingRow
from garden.gui.pages.settings_section import Section
from garden.gui.widgets.button import Button
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
