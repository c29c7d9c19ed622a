"""Backends that the engine gets without a compiler: fetched by hash or given by hand, tried in a child, switched on."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from garden.core.added_backend import RECORD, AddedBackend, added_backends, backends_dir, is_plain, same_minor
from garden.core.backend_messages import BackendTested, BackendTestOutput, FindLibraries, LibrariesFound, TryBackend
from garden.core.errors import (
    EngineError,
    EngineMissingError,
    GardenError,
    NotFoundError,
    StateError,
    TimeLimitError,
    WorkerDiedError,
)
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.job_record import JobKind, JobRecord
from garden.core.messages import Progress
from garden.core.paths import cache_dir
from garden.core.write_failure import write_failure
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.process.task import run_task
from garden.quantization.file_hash import sha256_of
from garden.services import starter
from garden.services.alone import alone
from garden.services.backend_archive import take_given, take_member
from garden.services.backend_catalogue import PACKAGES, BackendPackage, package_for
from garden.services.machine import MachineService
from garden.services.npm_package import fetch_archive
from garden.services.settings import SettingsService
from garden.store.atomic_file import write_atomically

#: Some drivers build their shaders at first use, for up to a minute; the software device on two cores needs 40 s.
TRIAL_SECONDS = 240.0

_LOOK_SECONDS = 30.0

_NEW, _OLD = ".new-", ".old-"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStatus:
    """A backend that is switched on, or that could be.

    Attributes:
        name: What it is asked for by.
        title: For people.
        record: What is known of it when it was added, None when it was not.
        package: Where it could be fetched from, None where none that fits is known.
        problem: Why it cannot be fetched, or was added and is not in use; empty when nothing is wrong.
    """

    name: str
    title: str
    record: AddedBackend | None = None
    package: BackendPackage | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A plug-in that lies in a folder of its own and was not tried yet."""

    name: str
    title: str
    library: Path
    source: str
    ggml_version: str


class EngineBackends:
    """Adds, lists and removes backends.

    Args:
        settings: Whether a connection may be opened.
        machine: The engine; probed again after each change.
        jobs: Runs the work.
        trial_seconds: A trial that takes longer is ended.
    """

    def __init__(
        self,
        settings: SettingsService,
        machine: MachineService,
        jobs: JobRunner,
        *,
        trial_seconds: float = TRIAL_SECONDS,
    ) -> None:
        self._settings = settings
        self._machine = machine
        self._jobs = jobs
        self._trial_seconds = trial_seconds
        self._lock = threading.Lock()
        self._adding: dict[str, Handle[AddedBackend]] = {}
        jobs.on_resume(JobKind.ENGINE, self._add_again)

    def status(self) -> tuple[BackendStatus, ...]:
        """Every backend that was added or that the catalogue knows; reads the disk, starts nothing."""
        added = {record.name: record for record in added_backends()}
        problems = {
            backend.added: backend.problem for backend in self._machine.snapshot().engine.backends if backend.problem
        }
        found = []
        for name, title in {package.name: package.title for package in PACKAGES}.items():
            record = added.pop(name, None)
            package, problem = None, problems.get(name, "")
            try:
                package = package_for(name)
            except GardenError as error:
                problem = problem or ("" if record else f"{error.sentence} {error.action}".strip())
            found.append(BackendStatus(name=name, title=title, record=record, package=package, problem=problem or ""))
        found += [
            BackendStatus(name=name, title=record.backend, record=record, problem=problems.get(name) or "")
            for name, record in added.items()
        ]
        return tuple(found)

    def add(self, name: str) -> Handle[AddedBackend]:
        """Fetch a prebuilt backend by hash, try it, and switch it on; once, however often asked.

        What fails leaves everything as it was: an earlier backend of that name stays on.

        Args:
            name: ``vulkan`` or ``cuda``.

        Raises:
            NotFoundError: No backend has that name.
            RefusedError: None that fits is known for this system.
        """
        package = package_for(name)
        return self._submit(package.title, {"add": package.name}, package.download_bytes)

    def add_file(self, path: Path) -> Handle[AddedBackend]:
        """Try a backend that was given by hand, and switch a copy of it on.

        Args:
            path: The library with its libggml-base beside it, or an archive (``.tar.gz``) that holds both.
        """
        path = path.expanduser().absolute()
        if not path.is_file():
            raise NotFoundError(f"There is no file {path}.", "Name vulkan, cuda, or a file that is there.")
        return self._submit(path.name, {"file": str(path)}, None)

    def remove(self, name: str) -> Handle[HardwareSnapshot]:
        """Switch a backend off and delete it; models that are loaded keep it until they are unloaded.

        Returns:
            The machine without it.

        Raises:
            NotFoundError: It was not added.
            StateError: It could not be deleted.
        """
        folder = backends_dir() / name.lower()
        if not is_plain(name) or not folder.is_dir():
            on = ", ".join(record.name for record in added_backends()) or "none"
            raise NotFoundError(f"No backend “{name}” was added (added: {on}).", "`garden engine` lists them.")
        try:
            with alone(cache_dir() / "backends.lock", threading.Event()):
                _discard(folder)
        except OSError as error:
            raise StateError(
                f"The {name} backend could not be deleted: {error.strerror or error}.",
                "Unload every model, then try again.",
                repr(error),
            ) from error
        return self._machine.refresh()

    # --- the work ---

    def _submit(self, title: str, target: dict[str, str], total: int | None) -> Handle[AddedBackend]:
        key = json.dumps(target)
        with self._lock:
            running = self._adding.get(key)
            if running is not None and not running.done:
                return running
            handle = self._jobs.submit(
                JobKind.ENGINE, title, "engine backend", self._work(target), target=key, total=total
            )
            self._adding[key] = handle
        return handle

    def _add_again(self, record: JobRecord) -> Callable[[JobContext], AddedBackend]:
        target = msgspec.json.decode(record.target, type=dict[str, str])
        return self._work(target)

    def _work(self, target: dict[str, str]) -> Callable[[JobContext], AddedBackend]:
        def work(job: JobContext) -> AddedBackend:
            package = package_for(target["add"]) if "add" in target else None
            with _staging(job) as folder:
                found = self._fetch(package, folder, job) if package else self._take(Path(target["file"]), folder, job)
                record = self._try(found, job, package.download_bytes if package else 0)
                _switch_on(folder, record)
            with contextlib.suppress(GardenError):
                self._machine.refresh().result()
            return record

        return work

    def _fetch(self, package: BackendPackage, folder: Path, job: JobContext) -> _Candidate:
        self._check_engine(package.title, package.ggml_version)
        job.progress(0, None, "Looking at what the system has")
        run_task(
            "try_backend",
            FindLibraries(title=package.title, names=package.needs),
            BackendTestOutput,
            LibrariesFound,
            cancelled=job.cancelled,
            limit_seconds=_LOOK_SECONDS,
        )
        archive = fetch_archive(
            package, cache_dir() / "engine", job.progress, job.cancelled, may_connect=not self._settings.offline
        )
        library = folder / Path(package.member).name
        take_member(archive, package.member, package.size_bytes, library, job.cancelled)
        return _Candidate(package.name, package.title, library, package.source, package.ggml_version)

    def _take(self, given: Path, folder: Path, job: JobContext) -> _Candidate:
        job.progress(0, None, "Looking at the file")
        taken = take_given(given, folder, job.cancelled)
        self._check_engine(taken.name, taken.ggml_version)
        return _Candidate(taken.name, taken.name, folder / taken.file_name, str(given), taken.ggml_version)

    def _check_engine(self, title: str, ggml_version: str) -> None:
        """Refuse what cannot fit before anything is fetched or tried."""
        engine = self._machine.read().engine
        if not engine.installed:
            raise EngineMissingError(
                engine.problem or "The engine cannot be loaded.", "Run: python packaging/bootstrap.py setup"
            )
        if not same_minor(ggml_version, engine.ggml_version):
            raise EngineError(
                f"The {title} backend was built for ggml {ggml_version}, and this engine has ggml "
                f"{engine.ggml_version or 'of unknown version'}.",
                "Name a backend file of that version, or build the engine with it.",
            )

    def _try(self, found: _Candidate, job: JobContext, fetched_bytes: int) -> AddedBackend:
        """Let it answer in a child.

        Raises:
            GardenError: It does not pass; the sentence says that it stays off and why.
        """
        model = str(starter.starter_path()) if starter.starter_available() else ""

        def report(progress: Progress) -> None:
            # All of it is here by now; how long an answer takes nobody knows.
            job.progress(fetched_bytes, None, f"Trying it: {progress.note[:1].lower()}{progress.note[1:]}")

        request = TryBackend(
            library=str(found.library),
            ggml_version=found.ggml_version,
            model=model,
            model_name=f"{starter.NAME} {starter.QUANT_TYPE}" if model else "",
            threads=self._machine.snapshot().cpu.physical_cores,
        )
        try:
            tested = run_task(
                "try_backend",
                request,
                BackendTestOutput,
                BackendTested,
                on_progress=report,
                cancelled=job.cancelled,
                limit_seconds=self._trial_seconds,
            )
        except (WorkerDiedError, TimeLimitError) as error:
            how = (
                f"had not ended after {self._trial_seconds:.0f} s"
                if isinstance(error, TimeLimitError)
                else "ended in a crash"
            )
            raise EngineError(
                f"The {found.title} backend stays off: its trial {how}.",
                "Nothing was changed. A newer driver may help.",
                f"{error.sentence}\n{error.detail}",
            ) from error
        return AddedBackend(
            name=found.name,
            backend=tested.backend,
            library=found.library.name,
            size_bytes=found.library.stat().st_size,
            sha256=sha256_of(found.library, cancelled=job.cancelled),
            source=found.source,
            ggml_version=found.ggml_version,
            engine_version=tested.engine_version,
            self_test=tested.self_test,
        )


def wanted_by(job: JobRecord) -> str:
    """What a job of this service is about: the name of a prebuilt backend, or the path of a file."""
    target = msgspec.json.decode(job.target, type=dict[str, str])
    return target.get("add") or target.get("file", "")


@contextlib.contextmanager
def _staging(job: JobContext) -> Iterator[Path]:
    """A new folder beside the backends', which no child looks into; what is left of it is deleted."""
    root = backends_dir()
    with alone(cache_dir() / "backends.lock", job.cancelled):
        try:
            root.mkdir(parents=True, exist_ok=True)
            for left in (*root.glob(f"{_NEW}*"), *root.glob(f"{_OLD}*")):
                shutil.rmtree(left, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(prefix=_NEW, dir=root))
        except OSError as error:
            raise write_failure(error, root.name, action=f"Check that {root.parent} exists and is yours.") from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _switch_on(folder: Path, record: AddedBackend) -> None:
    """Put the folder in its place, its record written; an earlier one goes."""
    target = backends_dir() / record.name
    write_atomically(folder / RECORD, msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    try:
        if target.exists():
            _discard(target)
        folder.rename(target)
    except OSError as error:
        raise write_failure(error, target.name, action=f"Check that {target.parent} exists and is yours.") from error


def _discard(folder: Path) -> None:
    """Take a folder away in one step, then delete it; what cannot be deleted yet goes with the next change."""
    away = Path(tempfile.mkdtemp(prefix=_OLD, dir=folder.parent))
    folder.rename(away / folder.name)
    shutil.rmtree(away, ignore_errors=True)
