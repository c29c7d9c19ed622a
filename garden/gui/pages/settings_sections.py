"""The sections of Settings. Each shows what the view model holds and changes nothing by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLineEdit

from garden.core.quantity import MIB
from garden.gui.pages.load_bar import KV_TYPES
from garden.gui.pages.setting_row import SettingRow
from garden.gui.pages.settings_section import Section
from garden.gui.widgets.button import Button
from garden.gui.widgets.field import Field
from garden.gui.widgets.label import Label
from garden.gui.widgets.segmented_control import SegmentedControl
from garden.gui.widgets.switch import Switch
from garden.gui.widgets.tag import Tag

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.settings import SettingsViewModel

_TEXT_SIZES = (("0.9", "90 %"), ("1.0", "100 %"), ("1.15", "115 %"), ("1.3", "130 %"), ("1.5", "150 %"))
_CONTEXTS = (("", "Auto"), ("4096", "4k"), ("8192", "8k"), ("16384", "16k"), ("32768", "32k"))

_RATES = (("", "None"), *((str(count * MIB), str(count)) for count in (1, 5, 20, 50)))


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


class HubSection(Section):
    """Endpoint, token, downloads."""

    def __init__(self, theme: ThemeController, model: SettingsViewModel) -> None:
        super().__init__(theme, model)
        self._address = Field(
            theme, "https://huggingface.co", name="settings.endpoint", label="Address of the Hub", width=260
        )
        self._address.line.editingFinished.connect(self._on_address)
        self._endpoint = SettingRow(
            theme, "Address", "The Hub, a mirror or your company’s own. HF_ENDPOINT overrides it.", (self._address,)
        )
        self._state = Tag(theme, "", "accent")
        self._token = Field(theme, "hf_…", name="settings.token", label="Hub token", width=180)
        self._token.line.setEchoMode(QLineEdit.EchoMode.Password)
        self._token.entered.connect(self._on_token)
        self._sign_in = Button(theme, "Sign in", icon="user", small=True, name="settings.signIn")
        self._sign_in.clicked.connect(self._on_token)
        self._use_found = Button(theme, "Use that token", small=True, name="settings.useFound")
        self._use_found.clicked.connect(lambda: model.use_existing_token(True))
        self._sign_out = Button(theme, "Sign out", small=True, name="settings.signOut")
        self._sign_out.clicked.connect(self._on_sign_out)
        self._account = SettingRow(
            theme,
            "Sign in",
            " ",
            (self._state, self._use_found, self._token, self._sign_in, self._sign_out),
        )
        self._offline = Switch(theme, name="settings.offline", label="Work offline")
        self._offline.clicked.connect(lambda: model.change(offline=self._offline.isChecked()))
        self.add_group(
            "Endpoint",
            (
                self._endpoint,
                self._account,
                SettingRow(
                    theme,
                    "Work offline",
                    "Opens not one connection. What was seen before stays browsable.",
                    (self._offline,),
                ),
            ),
        )
        self._parallel = SegmentedControl(
            theme,
            [(str(count), str(count)) for count in (1, 2, 3, 4)],
            name="settings.parallel",
            label="At the same time",
        )
        self._parallel.chosen.connect(lambda key: model.change(parallel_downloads=int(key)))
        self._rate = SegmentedControl(theme, _RATES, name="settings.rate", label="Bandwidth limit")
        self._rate.chosen.connect(lambda key: model.change(bandwidth_limit=int(key) if key else None))
        always = Label(theme, "Always", style="small", color="text.muted")
        self.add_group(
            "Downloads",
            (
                SettingRow(
                    theme,
                    "At the same time",
                    "A sharded set counts as one, and so does a model with its vision projector.",
                    (self._parallel,),
                ),
                SettingRow(
                    theme,
                    "Bandwidth limit",
                    "For all downloads together, in MiB per second. Holds at once, as in Activity.",
                    (self._rate,),
                ),
                SettingRow(
                    theme,
                    "Check every file",
                    "SHA-256 or git hash against the Hub. Cannot be switched off.",
                    (always,),
                ),
            ),
        )

    def refresh(self) -> None:
        """Show what is set now."""
        model = self._model
        if not self._address.line.hasFocus():
            self._address.set_text(model.endpoint if model.endpoint_is_fixed else model.settings.endpoint)
        self._address.setEnabled(not model.endpoint_is_fixed)
        self._address.setToolTip("HF_ENDPOINT is set, and decides." if model.endpoint_is_fixed else "")
        self._address.set_invalid(bool(model.endpoint_problem))
        self._endpoint.set_problem(model.endpoint_problem)
        self._account.set_description(model.token_status)
        self._state.set_text("Signed in")
        self._state.setVisible(model.signed_in)
        self._sign_out.setVisible(model.signed_in)
        self._token.setVisible(not model.signed_in)
        self._sign_in.setVisible(not model.signed_in)
        self._use_found.setVisible(model.token_found and not model.signed_in)
        self._offline.setChecked(model.settings.offline)
        self._parallel.set_current(str(model.settings.parallel_downloads))
        self._rate.set_current(str(model.settings.bandwidth_limit or ""))

    @Slot()
    def _on_address(self) -> None:
        if self._address.text != self._model.settings.endpoint or self._model.endpoint_problem:
            self._model.set_endpoint(self._address.text)

    @Slot()
    def _on_token(self) -> None:
        token = self._token.text.strip()
        if token:
            self._token.line.clear()
            self._model.set_token(token)

    @Slot()
    def _on_sign_out(self) -> None:
        if self._model.settings.use_existing_token:
            self._model.use_existing_token(False)
        self._model.set_token(None)


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
