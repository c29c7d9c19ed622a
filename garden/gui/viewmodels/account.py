"""Who is signed in, as Settings shows it; signing in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.errors import CancelledByUser, GardenError, HubUnreachableError, TokenRefusedError
from garden.core.events import SettingsChanged

if TYPE_CHECKING:
    from garden.core.account import Account
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden

#: The Hub's words for what a token may do, and ours.
_ROLES = {"fineGrained": "fine-grained", "god": "full"}


class AccountViewModel(QObject):
    """The token is asked about before it is kept; it never shows again.

    Signals:
        changed: Who is signed in, or what is wrong, is another now.
        said: Something was done or failed: a sentence, and what helps.
    """

    changed = Signal()
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._loaded = False
        self._status = ""
        self._account: Account | None = None
        self._asked: Handle[Account] | None = None
        self._unchecked: str | None = None
        self._reads = 0
        self._endpoint = garden.settings.endpoint
        self.signed_in = False
        self.token_found = False
        self.checking = False
        #: What is wrong with the token that was typed, or with the one in use; empty when nothing is.
        self.problem = ""
        pump.on(SettingsChanged, self._on_settings_changed)

    @property
    def status(self) -> str:
        """A sentence or two: whose token, where it lies."""
        if self._account is None or not self.signed_in:
            return self._status
        organisations = ", ".join(self._account.organisations[:4])
        more = f" and {rest} more" if (rest := len(self._account.organisations) - 4) > 0 else ""
        named = f"{self._account.name}, of {organisations}{more}. " if organisations else f"{self._account.name}. "
        return named + self._status

    @property
    def label(self) -> str:
        """``Signed in``, and what the token may do."""
        role = self._account.role if self._account is not None else None
        return f"Signed in, {_ROLES.get(role, role)} token" if role else "Signed in"

    @property
    def can_keep_unchecked(self) -> bool:
        """Whether a token was typed that could not be checked."""
        return self._unchecked is not None

    def load(self) -> None:
        """Ask what may take a moment: the keychain, then the Hub whose token it is."""
        self._loaded = True
        self._read()

    def sign_in(self, token: str) -> None:
        """Keep a token once the Hub has accepted it."""
        self._begin(token, unchecked=False)

    def keep_unchecked(self) -> None:
        """Keep the token that could not be checked."""
        if self._unchecked is not None:
            self._begin(self._unchecked, unchecked=True)

    def use_existing(self) -> None:
        """Use the token that other tools keep on this machine, as it is."""
        self._pump.run(
            lambda: self._garden.settings.change(use_existing_token=True),
            lambda _settings: None,
            self._on_failed,
            receiver=self,
        )

    def sign_out(self) -> None:
        """Forget the token."""
        self._pump.run(self._sign_out, lambda _none: self._on_signed_out(), self._on_failed, receiver=self)

    def _sign_out(self) -> None:
        # Away from the Qt thread: the first use makes it, and the keychain may take a moment.
        self._garden.catalog.account.sign_out()

    def _begin(self, token: str, *, unchecked: bool) -> None:
        self.checking, self.problem, self._unchecked = True, "", None
        self.changed.emit()
        endpoint = self._garden.settings.endpoint
        self._pump.watch(
            self._garden.catalog.account.sign_in(token, unchecked=unchecked),
            lambda account: self._on_signed_in(endpoint, account),
            lambda error: self._on_refused(endpoint, token, error),
            receiver=self,
        )

    def _on_signed_in(self, endpoint: str, account: Account | None) -> None:
        self.checking = False
        if endpoint == self._endpoint:
            self._account = account
        self.said.emit(f"Signed in as {account.name}." if account is not None else "The token is kept unchecked.", "")
        self._read()

    def _on_refused(self, endpoint: str, token: str, error: GardenError) -> None:
        self.checking = False
        if endpoint == self._endpoint:
            self.problem = f"{error.sentence} {error.action}".strip()
            # For this Hub alone: were it kept once another is in use, it would be sent to that.
            self._unchecked = token if isinstance(error, HubUnreachableError) else None
        else:
            self.said.emit(error.sentence, error.action)
            self._read()
        self.changed.emit()

    def _on_signed_out(self) -> None:
        self._account, self.problem, self._unchecked = None, "", None
        self.said.emit("Signed out.", "")
        self._read()

    def _read(self) -> None:
        settings = self._garden.settings
        self._reads += 1
        number = self._reads
        self._pump.run(
            lambda: (settings.token_status(), settings.signed_in, settings.token_is_offered),
            lambda facts: self._on_token(number, facts),
            self._on_failed,
            receiver=self,
        )

    def _on_token(self, number: int, facts: tuple[str, bool, bool]) -> None:
        if number != self._reads or self.checking:
            # A later one is under way, or comes once the Hub has said whose token it is.
            return
        self._status, self.signed_in, self.token_found = facts
        if self.signed_in and not self.checking:
            self._ask()
        elif not self.signed_in:
            self._account = None
        self.changed.emit()

    def _ask(self) -> None:
        asked = self._asked = self._garden.catalog.account.current()
        self._pump.watch(
            asked,
            lambda account: self._on_account(asked, account),
            lambda error: self._on_unknown(asked, error),
            receiver=self,
        )

    def _on_account(self, asked: Handle[Account], account: Account) -> None:
        if asked is self._asked:
            self._account, self.problem = account, ""
            self.changed.emit()

    def _on_unknown(self, asked: Handle[Account], error: GardenError) -> None:
        """A Hub that does not answer says nothing of the token; one that refuses it does."""
        if asked is not self._asked or isinstance(error, CancelledByUser):
            return
        self._account = None
        self.problem = f"{error.sentence} {error.action}".strip() if isinstance(error, TokenRefusedError) else ""
        self.changed.emit()

    def _on_settings_changed(self, _event: SettingsChanged) -> None:
        if (endpoint := self._garden.settings.endpoint) != self._endpoint:
            # Nothing that was said or typed is about this one.
            self._endpoint = endpoint
            self._account = self._asked = self._unchecked = None
            self.problem = ""
        if self._loaded:
            self._read()

    def _on_failed(self, error: GardenError) -> None:
        self.said.emit(error.sentence, error.action)
        self._read()
