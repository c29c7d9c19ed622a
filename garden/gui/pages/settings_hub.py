"""The Hub in Settings: which one is asked, who is signed in, working offline, downloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLineEdit

from garden.core.quantity import MIB
from garden.gui.pages.setting_row import SettingRow
from garden.gui.pages.settings_section import Section
from garden.gui.widgets.button import Button
from garden.gui.widgets.field import Field
from garden.gui.widgets.label import Label
from garden.gui.widgets.segmented_control import SegmentedControl
from garden.gui.widgets.switch import Switch
from garden.gui.widgets.tag import Tag

if TYPE_CHECKING:
    from garden.core.hub_endpoint import HubEndpoint
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.settings import SettingsViewModel

_RATES = (("", "None"), *((str(count * MIB), str(count)) for count in (1, 5, 20, 50)))

_FIXED = "The environment names the Hub (HF_ENDPOINT), and decides."


class _EndpointRow(SettingRow):
    """A Hub that was kept under a name."""

    def __init__(self, theme: ThemeController, model: SettingsViewModel, known: HubEndpoint, number: int) -> None:
        self.in_use = Tag(theme, "In use", "accent")
        self.use = Button(theme, "Use", small=True, name=f"settings.endpoint.{number}.use")
        self.use.clicked.connect(lambda: model.use_endpoint(known.name))
        self.forget = Button(
            theme,
            "Forget",
            kind="ghost",
            small=True,
            name=f"settings.endpoint.{number}.forget",
            hint="Know it no longer; its token stays in the keychain",
        )
        self.forget.clicked.connect(lambda: model.forget_endpoint(known.name))
        super().__init__(theme, known.name, known.address, (self.in_use, self.use, self.forget))


class HubSection(Section):
    """Endpoint, account, downloads."""

    def __init__(self, theme: ThemeController, model: SettingsViewModel) -> None:
        super().__init__(theme, model)
        self._words: tuple[str, ...] = ()
        self._build_endpoint(theme, model)
        self._build_downloads(theme, model)

    def _build_endpoint(self, theme: ThemeController, model: SettingsViewModel) -> None:
        self._address = Field(
            theme, "https://huggingface.co", name="settings.endpoint", label="Address of the Hub", width=260
        )
        self._address.line.editingFinished.connect(self._on_address)
        self._endpoint = SettingRow(
            theme, "Address", "The Hub, a mirror or your company’s own. HF_ENDPOINT overrides it.", (self._address,)
        )
        self._name = Field(theme, "Name", name="settings.endpoint.name", label="Name for this Hub", width=140)
        self._name.entered.connect(self._on_keep)
        keep = Button(theme, "Keep", small=True, name="settings.endpoint.keep")
        keep.clicked.connect(self._on_keep)
        self._keep = SettingRow(
            theme, "Keep this Hub", "Under a name, to come back to it from another.", (self._name, keep)
        )
        self._state = Tag(theme, "", "accent")
        self._token = Field(theme, "hf_…", name="settings.token", label="Hub token", width=180)
        self._token.line.setEchoMode(QLineEdit.EchoMode.Password)
        self._token.entered.connect(self._on_token)
        self._sign_in = Button(theme, "Sign in", icon="user", small=True, name="settings.signIn")
        self._sign_in.clicked.connect(self._on_token)
        self._unchecked = Button(theme, "Keep it anyway", small=True, name="settings.keepUnchecked")
        self._unchecked.clicked.connect(model.account.keep_unchecked)
        self._use_found = Button(theme, "Use that token", small=True, name="settings.useFound")
        self._use_found.clicked.connect(model.account.use_existing)
        self._sign_out = Button(theme, "Sign out", small=True, name="settings.signOut")
        self._sign_out.clicked.connect(model.account.sign_out)
        self._account = SettingRow(
            theme,
            "Sign in",
            " ",
            (self._state, self._use_found, self._unchecked, self._token, self._sign_in, self._sign_out),
        )
        self._offline = Switch(theme, name="settings.offline", label="Work offline")
        self._offline.clicked.connect(lambda: model.change(offline=self._offline.isChecked()))
        offline = SettingRow(
            theme,
            "Work offline",
            "Opens not one connection. What was seen before stays browsable; downloads wait.",
            (self._offline,),
        )
        self._group = self.add_group("Endpoint", (self._endpoint, self._keep, self._account, offline))
        self._known: dict[HubEndpoint, _EndpointRow] = {}
        self._hubs = self.add_group("Known Hubs", ())

    def _build_downloads(self, theme: ThemeController, model: SettingsViewModel) -> None:
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
        fixed = model.endpoint_is_fixed
        if not self._address.line.hasFocus():
            self._address.set_text(model.endpoint if fixed else model.settings.endpoint)
        self._address.setEnabled(not fixed)
        self._address.setToolTip(_FIXED if fixed else "")
        self._address.set_invalid(bool(model.endpoint_problem))
        self._endpoint.set_problem(model.endpoint_problem)
        self._show_account()
        self._show_known()
        self._offline.setChecked(model.settings.offline or model.offline_is_fixed)
        self._offline.setEnabled(not model.offline_is_fixed)
        self._offline.setToolTip("HF_HUB_OFFLINE is set, and decides." if model.offline_is_fixed else "")
        self._parallel.set_current(str(model.settings.parallel_downloads))
        self._rate.set_current(str(model.settings.bandwidth_limit or ""))

    def _show_account(self) -> None:
        account = self._model.account
        self._account.set_description("The Hub is asked whose token it is." if account.checking else account.status)
        self._account.set_problem(account.problem)
        self._state.set_text(account.label)
        # One that is refused makes room for another.
        wanted = not account.signed_in or bool(account.problem)
        self._state.setVisible(not wanted)
        self._sign_out.setVisible(account.signed_in)
        self._token.setVisible(wanted)
        self._token.set_invalid(bool(account.problem))
        self._sign_in.setVisible(wanted)
        self._sign_in.set_usable(not account.checking, "The Hub is asked whose token it is.")
        self._unchecked.setVisible(account.can_keep_unchecked)
        self._use_found.setVisible(account.token_found and not account.signed_in and not account.can_keep_unchecked)

    def _show_known(self) -> None:
        model = self._model
        known = model.endpoints
        for each in [each for each in self._known if each not in known]:
            self._hubs.card.remove_row(self._known.pop(each))
        for number, each in enumerate(known):
            if each not in self._known:
                row = self._known[each] = _EndpointRow(self._theme, model, each, number)
                self._hubs.card.add_row(row)
        for number, (each, row) in enumerate(self._known.items()):
            in_use = each.address == model.endpoint
            row.in_use.setVisible(in_use)
            row.use.setVisible(not in_use)
            row.use.set_usable(not model.endpoint_is_fixed, _FIXED)
            # The public one is always known.
            row.forget.setVisible(number > 0)
        self._show_optional()

    def show_matching(self, words: Sequence[str]) -> bool:
        """Show what contains every word."""
        self._words = tuple(words)
        shown = super().show_matching(words)
        self._show_optional()
        return shown

    def _show_optional(self) -> None:
        """A Hub that is known needs no name; the public one alone needs no list."""
        named = any(each.address == self._model.endpoint for each in self._known)
        self._keep.setVisible(not named and self._keep.matches(self._words))
        shown = [row for row in self._known.values() if row.matches(self._words)]
        self._hubs.setVisible(len(self._known) > 1 and bool(shown))

    @Slot()
    def _on_address(self) -> None:
        if self._address.text != self._model.settings.endpoint or self._model.endpoint_problem:
            self._model.set_endpoint(self._address.text)

    @Slot()
    def _on_keep(self) -> None:
        if self._name.text.strip():
            self._model.keep_endpoint(self._name.text)
            self._name.set_text("")

    @Slot()
    def _on_token(self) -> None:
        token = self._token.text.strip()
        if token:
            # Not ``clear``, which can be undone: whoever sits here next would have it back.
            self._token.set_text("")
            self._model.account.sign_in(token)
