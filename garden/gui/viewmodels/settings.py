"""Settings as the page shows them: what is set, and what is wrong with what was entered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import JobChanged, MachineRead, SettingsChanged
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.viewmodels.account import AccountViewModel
from garden.gui.viewmodels.change_queue import ChangeQueue
from garden.gui.viewmodels.job_lines import job_lines
from garden.gui.viewmodels.readings import begin_probe
from garden.hub.address import Endpoint

if TYPE_CHECKING:
    from garden.core.hub_endpoint import HubEndpoint
    from garden.core.library_entry import LibraryEntry, OtherProgram
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.folder_move import Journal
    from garden.services.garden import Garden
    from garden.services.other_programs.stores import Store
    from garden.store.settings import Settings


class SettingsViewModel(QObject):
    """Changes are written at once; there is nothing to confirm.

    Attributes:
        account: Who is signed in.

    Signals:
        changed: Settings, account or machine are others now.
        said: Something failed or was done: a sentence, and what helps.
    """

    changed = Signal()
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self.account = AccountViewModel(garden, pump, self)
        self.account.changed.connect(self.changed)
        self.account.said.connect(self.said)
        self.endpoint_problem = ""
        self.snapshot: HardwareSnapshot | None = None
        self.probing = False
        self._move: JobRecord | None = None
        self._half_moved: Journal | None = None
        self._stores: tuple[Store, ...] = ()
        self._changes = ChangeQueue(pump, self)
        self._changes.change_failed.connect(self._on_failed)
        pump.on(SettingsChanged, self._on_settings_changed)
        pump.on(MachineRead, self._on_machine_read)
        pump.on(JobChanged, self._on_job_changed)

    @property
    def settings(self) -> Settings:
        """What is set."""
        return self._garden.settings.current

    @property
    def endpoint(self) -> str:
        """The Hub in use."""
        return self._garden.settings.endpoint

    @property
    def endpoint_is_fixed(self) -> bool:
        """Whether HF_ENDPOINT decides."""
        return self._garden.settings.endpoint_is_fixed

    @property
    def endpoints(self) -> tuple[HubEndpoint, ...]:
        """The Hubs that are known."""
        return self._garden.settings.endpoints.all()

    @property
    def offline_is_fixed(self) -> bool:
        """Whether the environment decides that no connection may be opened."""
        return self._garden.settings.offline_is_fixed

    @property
    def models_dir(self) -> str:
        """Where models made here go."""
        return str(self._garden.settings.models_dir)

    @property
    def moving(self) -> bool:
        """Whether the models folder is on its way now."""
        return self._move is not None and self._move.state in (JobState.WAITING, JobState.RUNNING)

    @property
    def half_moved(self) -> bool:
        """Whether a move of the models folder was stopped before its end."""
        return self._half_moved is not None and not self.moving

    @property
    def models_note(self) -> str:
        """Where models made here go; how far a move of the folder is, and how long still."""
        if self.moving and self._move is not None:
            lines = job_lines(self._move)
            return " · ".join(filter(None, (f"Moving to {self._move.subtitle}", lines.amount, lines.detail)))
        if self._half_moved is not None:
            return f"{self.models_dir}. Some of its files are in {self._half_moved.new} already; all can be used."
        return f"{self.models_dir}. Quantized models go here."

    def load(self) -> None:
        """Ask what may take a moment: the keychain, the machine."""
        self.account.load()
        self._pump.run(self._read_machine, self._on_machine, self._on_failed, receiver=self)
        self._pump.run(self._read_stores, self._on_stores, self._on_failed, receiver=self)
        self._read_move()

    def change(self, **fields: object) -> None:
        """Write settings; they are announced when they were written."""
        self._changes.put(lambda: self._garden.settings.change(**fields), lambda _settings: None)

    def set_endpoint(self, address: str) -> None:
        """Use another Hub; an address that is none is told and not written."""
        address = address.strip()
        try:
            url = Endpoint.parse(address).url if address else ""
        except GardenError as error:
            self.endpoint_problem = error.action or error.sentence
            self.changed.emit()
            return
        self.endpoint_problem = ""
        self.change(endpoint=url)

    def keep_endpoint(self, name: str) -> None:
        """Keep the Hub in use under a name."""
        address = self.endpoint
        self._changes.put(lambda: self._garden.settings.endpoints.add(name, address), lambda _added: None)

    def use_endpoint(self, name: str) -> None:
        """Ask another known Hub."""
        self._changes.put(lambda: self._garden.settings.endpoints.use(name), lambda _used: None)

    def forget_endpoint(self, name: str) -> None:
        """Forget a Hub that was kept."""
        self._changes.put(lambda: self._garden.settings.endpoints.forget(name), lambda _none: None)

    def add_folder(self, folder: str) -> None:
        """List a folder's models; they are read in place."""
        self._pump.run(lambda: self._garden.library.add_folder(Path(folder)), lambda _scan: None, self._on_failed)

    def move_models(self, folder: Path) -> None:
        """Move the models folder with its files; Activity shows how far it is."""
        self._pump.begin(
            lambda: self._garden.library.models_folder.move(folder),
            lambda moved: self.said.emit(f"The models folder is {moved} now.", ""),
            # Of one that was cancelled the row tells.
            lambda error: None if isinstance(error, CancelledByUser) else self._on_failed(error),
        )

    def move_on(self) -> None:
        """Go on with a move that was stopped."""
        if self._half_moved is not None:
            self.move_models(self._half_moved.new)

    def stop_move(self) -> None:
        """Stop a move; each file stays where it is by then."""
        if self._move is not None:
            job_id = self._move.id
            self._pump.do(lambda: self._garden.activity.cancel(job_id), self._on_failed)

    def store_note(self, program: OtherProgram) -> str:
        """Where another program keeps its models, as it was found."""
        places = [store for store in self._stores if store.program == program]
        here = [str(store.folder) for store in places if store.state == "here"]
        if here:
            return f"{', '.join(here)}. Read in place, never changed."
        closed = [str(store.folder) for store in places if store.state == "closed"]
        if closed:
            return f"{closed[0]} may not be read by this user."
        return "Not found on this machine." if places else " "

    def show_program(self, program: OtherProgram, show: bool) -> None:
        """List the models of another program, or no longer."""

        def work() -> Handle[tuple[LibraryEntry, ...]]:
            hidden = [name for name in self.settings.hidden_programs if name != program]
            self._garden.settings.change(hidden_programs=tuple(hidden if show else [*hidden, program]))
            return self._garden.library.scan()

        self._changes.put(work, lambda _scan: None)

    def forget_folder(self, folder: str) -> None:
        """List a folder's models, or a single file, no longer; the files stay."""

        def work() -> Handle[tuple[LibraryEntry, ...]]:
            folders = tuple(known for known in self.settings.folders if known != folder)
            files = tuple(known for known in self.settings.files if known != folder)
            self._garden.settings.change(folders=folders, files=files)
            return self._garden.library.scan()

        self._changes.put(work, lambda _scan: None)

    def probe(self) -> None:
        """Look at GPUs and engine again."""
        self.probing = True
        self.changed.emit()
        self._pump.begin(lambda: begin_probe(self._garden), self._on_machine, self._on_failed)

    def _read_machine(self) -> HardwareSnapshot:
        return self._garden.machine.read()

    def _read_stores(self) -> tuple[Store, ...]:
        return self._garden.library.stores()

    def _on_machine(self, snapshot: HardwareSnapshot) -> None:
        self.probing = False
        self.snapshot = snapshot
        self.changed.emit()

    def _on_stores(self, stores: tuple[Store, ...]) -> None:
        self._stores = stores
        self.changed.emit()

    def _read_move(self) -> None:
        self._pump.run(
            lambda: self._garden.library.models_folder.unfinished, self._on_move_read, self._on_failed, receiver=self
        )

    def _on_move_read(self, unfinished: Journal | None) -> None:
        self._half_moved = unfinished
        self.changed.emit()

    def _on_job_changed(self, event: JobChanged) -> None:
        if event.job.kind is not JobKind.MOVE:
            return
        self._move = event.job
        if self.moving:
            self.changed.emit()
        else:
            self._read_move()

    def _on_machine_read(self, event: MachineRead) -> None:
        self._on_machine(event.snapshot)

    def _on_settings_changed(self, _event: SettingsChanged) -> None:
        self.changed.emit()

    @Slot(object)
    def _on_failed(self, error: GardenError) -> None:
        self.probing = False
        self.said.emit(error.sentence, error.action)
        self.changed.emit()
