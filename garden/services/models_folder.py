"""The folder of models made here, moved with its files as a job."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from garden.core.errors import RefusedError, StateError
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.core.paths import cache_dir, data_dir, hub_cache_dir, user_path
from garden.core.run_configuration import RunConfiguration
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.services import starter
from garden.services.folder_move import FolderMove, Journal
from garden.services.settings import SettingsService
from garden.store.files_in_use import FilesInUse
from garden.store.loaded_models import LoadedModels
from garden.store.moved_files import MovedFiles


class ModelsFolder:
    """Moves the folder; one move at a time, which goes on after an interruption.

    Args:
        settings: Where the folder is.
        loaded: What is loaded now.
        moved: Brings the user's notes along.
        jobs: Runs the move.
        scan: Looks at the models again.
    """

    def __init__(
        self,
        settings: SettingsService,
        loaded: LoadedModels,
        moved: MovedFiles,
        jobs: JobRunner,
        scan: Callable[[threading.Event], object],
    ) -> None:
        self._settings = settings
        self._loaded = loaded
        self._moved = moved
        self._jobs = jobs
        self._scan = scan
        self._in_use = FilesInUse(data_dir() / "loading")
        jobs.on_resume(JobKind.MOVE, self._again)

    @property
    def unfinished(self) -> Journal | None:
        """A move that began and did not end; None when there is none. Its files lie in both folders."""
        return Journal.read(self._journal)

    @property
    def _journal(self) -> Path:
        return data_dir() / "moving-models.json"

    def move(self, folder: Path) -> Handle[Path]:
        """Move the folder with its files; the same call goes on with a move that was interrupted.

        Returns:
            The new folder, when all is there.

        Raises:
            RefusedError: A model of it is loaded, being loaded or in use, another move is under way or not finished, or
                the folders overlap.
            DiskFullError: The new disk has no room.
        """
        new = user_path(folder)
        begun = self.unfinished
        if begun is not None and begun.new != new:
            raise RefusedError(
                f"The models folder is half-way to {begun.new}.", f"Go on first: garden library move {begun.new}"
            )
        journal = begun or Journal(old=self._settings.models_dir, new=new)
        if new == self._settings.models_dir:
            raise RefusedError("The models are there already.", "Choose another folder.")
        if any(place.is_relative_to(journal.old) for place in (data_dir(), cache_dir(), Path.home())):
            raise RefusedError(
                f"{journal.old} holds more than models.", "Move the models by hand, or choose another models folder."
            )
        self.refuse_while_moving((), kind=JobKind.MOVE)
        self._refuse_in_use(journal.old)
        total = self._mover(journal).check()
        target = json.dumps({"old": str(journal.old), "new": str(journal.new)})
        for job in self._jobs.own_jobs():
            # Paused, e.g. by the end of the program that began it: the same job goes on.
            if (job.kind, job.state, job.target) == (JobKind.MOVE, JobState.PAUSED, target):
                return self._jobs.resume(job.id)
        return self._jobs.submit(
            JobKind.MOVE,
            "Models folder",
            new.name,
            self._work(journal),
            resumable=True,
            target=target,
            total=total or None,
        )

    def refuse_while_moving(self, paths: tuple[str, ...], *, kind: JobKind | None = None) -> None:
        """Refuse to begin with files that are on their way.

        Args:
            paths: Files that would be read.
            kind: Of the work; a quantization, which may write there, and a second move are refused whatever they read.

        Raises:
            RefusedError: They are.
        """
        if not paths and kind not in (JobKind.QUANTIZE, JobKind.MOVE):
            return
        for job in self._under_way():
            old, new = (Path(folder) for folder in json.loads(job.target).values())
            within = any(Path(path).is_relative_to(at) for path in paths for at in (old, new))
            if within or kind in (JobKind.QUANTIZE, JobKind.MOVE):
                raise RefusedError(
                    "The models folder is being moved.",
                    "Wait for its end, or cancel the move in Activity, then try again.",
                )

    @contextlib.contextmanager
    def loading(self, paths: tuple[str, ...]) -> Iterator[None]:
        """Held while files are being loaded: no move of theirs begins until then.

        Raises:
            RefusedError: They are on their way.
        """
        # Noted first and looked after that, while a move is written down before it looks at the notes: of two that
        # begin at the same moment at least one sees the other.
        with self._in_use.noted(paths):
            self.refuse_while_moving(paths)
            yield

    def _under_way(self) -> tuple[JobRecord, ...]:
        """Moves that run or wait, in whichever process; those of a process that was killed are paused from now on."""

        def moves() -> tuple[JobRecord, ...]:
            states = (JobState.WAITING, JobState.RUNNING)
            try:
                jobs = self._jobs.jobs()
            except StateError:
                # A list that cannot be read keeps no answer from coming; what this process moves is known without it.
                jobs = self._jobs.own_jobs()
            return tuple(job for job in jobs if job.kind is JobKind.MOVE and job.state in states)

        if any(not self._jobs.is_own(job.id) for job in moves()):
            self._jobs.take_over()
        return moves()

    def _again(self, record: JobRecord) -> Callable[[JobContext], Path]:
        target = json.loads(record.target)
        return self._work(Journal(old=Path(target["old"]), new=Path(target["new"])))

    def _work(self, journal: Journal) -> Callable[[JobContext], Path]:
        def work(job: JobContext) -> Path:
            self._refuse_in_use(journal.old)
            goes_on = self.unfinished is not None
            journal.write(self._journal)
            moved: list[Path] = []
            mover = self._mover(journal, moved.append)
            try:
                total = mover.check()
                mover.run(lambda done, name: job.progress(done, total, name), job.cancelled)
            except BaseException:
                # Where nothing has moved yet nothing is to be gone on with, and another folder may be chosen.
                if not goes_on and not moved:
                    self._journal.unlink(missing_ok=True)
                raise
            current = self._settings.current
            folders, files = (
                tuple(_at_new_place(path, journal) for path in paths) for paths in (current.folders, current.files)
            )
            self._settings.change(models_dir=str(journal.new), folders=folders, files=files)
            self._journal.unlink(missing_ok=True)
            self._scan(job.cancelled)
            job.result_path = str(journal.new)
            return journal.new

        return work

    def _mover(self, journal: Journal, on_moved: Callable[[Path], object] = lambda _new: None) -> FolderMove:
        def note(old: Path, new: Path) -> None:
            on_moved(new)
            self._moved.moved(str(old), str(new))

        return FolderMove(
            journal.old,
            journal.new,
            note,
            # The starter was not made here and has a place of its own; so has the Hub cache, for all tools.
            without=(starter.starter_path().parent, hub_cache_dir()),
        )

    def _refuse_in_use(self, folder: Path) -> None:
        for record in self._loaded.list():
            if any(Path(path).is_relative_to(folder) for path in files_of(record.configuration)):
                raise RefusedError(f"{record.configuration.model.name} is loaded.", "Unload it first, then move.")
        if loading := next((path for path in self._in_use.list() if Path(path).is_relative_to(folder)), None):
            raise RefusedError(f"{Path(loading).name} is being loaded.", "Unload it once it is loaded, then move.")
        self._jobs.take_over()
        for job in self._jobs.jobs():
            reads = any(Path(path).is_relative_to(folder) for path in job.reads)
            # A quantization may write there, whatever it reads.
            if not job.state.ended and (reads or job.kind is JobKind.QUANTIZE):
                raise RefusedError(
                    f"Work on {job.title} is under way in that folder.", "Wait for its end or cancel it, then move."
                )


def files_of(configuration: RunConfiguration) -> tuple[str, ...]:
    """The files that a load of it reads."""
    paths = (configuration.model.path, *(adapter.path for adapter in configuration.load.adapters))
    return tuple(path for path in paths if path is not None)


def _at_new_place(path: str, journal: Journal) -> str:
    """A path that was moved with the folder, where it is now; any other as it is."""
    if not Path(path).is_relative_to(journal.old):
        return path
    there = journal.new / Path(path).relative_to(journal.old)
    return str(there) if there.exists() else path
