"""Taking a configuration away: rendered for another runtime, written whole or not at all, and proved by a replay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from garden.core.conversation import Answer
from garden.core.errors import CancelledByUser, GardenError, RefusedError
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.export.formats import FORMATS, Format, render
from garden.export.rendering import Export
from garden.jobs.handle import Handle
from garden.jobs.pool import TaskPool
from garden.process.child import worker_environment
from garden.services.fit import FitService
from garden.store.atomic_file import write_atomically
from garden.store.replays import ReplayRecord, Replays

SCRIPT_FORMAT = "llama-cpp-python"

#: Starts a script in an interpreter to which garden does not exist: importing it fails there.
_WITHOUT_GARDEN = (
    "import sys, runpy; sys.modules['garden'] = None; sys.argv = sys.argv[1:]; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
_POLL_SECONDS = 0.1


class ExportService:
    """Renders, writes and replays.

    Args:
        fit: Reads the file's template.
        replays: What was proved.
        pool: Runs replays.
    """

    def __init__(self, fit: FitService, replays: Replays, pool: TaskPool) -> None:
        self._fit = fit
        self._replays = replays
        self._pool = pool

    @property
    def formats(self) -> tuple[Format, ...]:
        """What can be rendered."""
        return FORMATS

    def render(self, format_name: str, configuration: RunConfiguration, answer: Answer | None = None) -> Export:
        """The files of one format, and what it cannot express.

        Args:
            format_name: A name of ``formats``.
            configuration: What to take away; an answer's own when there is one, since the engine resolved it.
            answer: The answer to reproduce: its prompt goes along.

        Raises:
            NotFoundError: No such format.
            RefusedError: The target cannot hold it.
        """
        return render(
            format_name,
            configuration,
            prompt_text=answer.rendered_prompt or None if answer else None,
            prompt_token_ids=answer.prompt_token_ids if answer else (),
            template_text=self._template(configuration.model),
        )

    def write(self, export: Export, folder: Path, *, replace: bool = False) -> tuple[Path, ...]:
        """Write the files into a folder, each whole or not at all.

        Raises:
            RefusedError: A file of that name is there and ``replace`` is off.
            StateError: The folder cannot be written.
        """
        paths = tuple(folder / name for name, _text in export.files)
        there = [path.name for path in paths if path.exists()]
        if there and not replace:
            raise RefusedError(
                f"{folder} already has {', '.join(there)}.", "Choose another folder, or remove it first."
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GardenError(
                f"{folder} could not be made: {error.strerror or error}.", "Choose another folder."
            ) from error
        for path, (_name, text) in zip(paths, export.files, strict=True):
            write_atomically(path, text.encode())
            if text.startswith("#!") and os.name == "posix":
                path.chmod(0o755)
        return paths

    def replay(self, configuration: RunConfiguration, answer: Answer) -> Handle[ReplayRecord]:
        """Run the exported script in a process that cannot see Garden, and compare its tokens with the answer's."""

        def work(cancelled: threading.Event) -> ReplayRecord:
            export = self.render(SCRIPT_FORMAT, configuration, answer)
            with tempfile.TemporaryDirectory(prefix="garden-replay-") as folder:
                script = self.write(export, Path(folder))[0]
                tokens = run_script(script, cancelled)
            record = _compare(configuration, answer, tokens)
            self._replays.save(record)
            return record

        return self._pool.submit(work)

    def _template(self, ref: ModelRef) -> str | None:
        try:
            return self._fit.header(ref).chat_template
        except GardenError:
            return None


def run_script(script: Path, cancelled: threading.Event) -> tuple[int, ...]:
    """Token ids that an exported script prints, run where garden cannot be imported.

    Raises:
        CancelledByUser: Cancelled; the process has ended.
        GardenError: It failed; the detail holds what it printed.
    """
    command = [sys.executable, "-I", "-c", _WITHOUT_GARDEN, str(script), "--tokens"]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
        with subprocess.Popen(command, stdout=out, stderr=log, cwd=script.parent, env=worker_environment()) as process:
            while process.poll() is None:
                if cancelled.wait(_POLL_SECONDS):
                    process.kill()
                    process.wait()
                    raise CancelledByUser
        out.seek(0)
        log.seek(0)
        text, errors = out.read().decode("utf-8", "replace"), log.read().decode("utf-8", "replace")
    if process.returncode != 0:
        raise GardenError("The exported script failed.", "Look at its own message.", errors[-4000:])
    try:
        return tuple(int(token) for token in json.loads(text.strip().splitlines()[-1]))
    except (ValueError, IndexError, TypeError) as error:
        raise GardenError("The exported script did not print tokens.", "", text[-4000:] + errors[-4000:]) from error


def _compare(configuration: RunConfiguration, answer: Answer, tokens: tuple[int, ...]) -> ReplayRecord:
    expected = answer.token_ids
    pairs = enumerate(zip(expected, tokens, strict=False))
    differs = next((index for index, (ours, theirs) in pairs if ours != theirs), None)
    if differs is None and len(expected) != len(tokens):
        differs = min(len(expected), len(tokens))
    same = differs is None
    detail = (
        f"All {len(expected)} tokens are the pane's."
        if same
        else f"The script parts from the pane at token {differs} of {len(expected)}."
    )
    return ReplayRecord(
        identity=configuration.identity,
        target=SCRIPT_FORMAT,
        verdict="reproduces" if same else "differs",
        at_token=differs,
        detail=detail,
    )
