"""The folder of models made here, moved with its files as a job."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

from garden.core.errors import RefusedError
from garden.core.job_record import JobKind, JobRecord
from garden.core.paths import data_dir, user_path
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.services import starter
from garden.services.folder_move import FolderMove, Journal
from garden.services.settings import SettingsService
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
            RefusedError: A model of it is loaded or in use, another move is not finished, or the folders overlap.
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
        self._refuse_in_use(journal.old)
        total = self._mover(journal).check()
        return self._jobs.submit(
            JobKind.MOVE,
            "Models folder",
            new.name,
            self._work(journal),
            resumable=True,
            target=json.dumps({"old": str(journal.old), "new": str(journal.new)}),
            total=total or None,
        )

    def _again(self, record: JobRecord) -> Callable[[JobContext], Path]:
        target = json.loads(record.target)
        return self._work(Journal(old=Path(target["old"]), new=Path(target["new"])))

    def _work(self, journal: Journal) -> Callable[[JobContext], Path]:
        def work(job: JobContext) -> Path:
            self._refuse_in_use(journal.old)
            journal.write(self._journal)
            mover = self._mover(journal)
            total = mover.check()
            mover.run(lambda done, name: job.progress(done, total, name), job.cancelled)
            self._settings.change(models_dir=str(journal.new))
            self._journal.unlink(missing_ok=True)
            self._scan(job.cancelled)
            job.result_path = str(journal.new)
            return journal.new

        return work

    def _mover(self, journal: Journal) -> FolderMove:
        return FolderMove(
            journal.old,
            journal.new,
            lambda old, new: self._moved.moved(str(old), str(new)),
            # The starter was not made here and has a place of its own.
            without=starter.starter_path().parent,
        )

    def _refuse_in_use(self, folder: Path) -> None:
        for record in self._loaded.list():
            path = record.configuration.model.path
            if path is not None and Path(path).is_relative_to(folder):
                raise RefusedError(f"{record.configuration.model.name} is loaded.", "Unload it first, then move.")
        for job in self._jobs.jobs():
            reads = any(Path(path).is_relative_to(folder) for path in job.reads)
            # A quantization may write there, whatever it reads.
            if not job.state.ended and (reads or job.kind is JobKind.QUANTIZE):
                raise RefusedError(
                    f"Work on {job.title} is under way in that folder.", "Wait for its end or cancel it, then move."
                )
