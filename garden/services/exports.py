"""Taking a configuration away: rendered for another runtime, written whole or not at all, and proved by a replay."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import threading
from pathlib import Path

import msgspec

from garden.core.conversation import Answer, FinishReason
from garden.core.errors import AlreadyThereError, GardenError, OutOfMemoryError, RefusedError
from garden.core.fit_forecast import Verdict
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.core.template_messages import RenderTemplate, TemplateOutput, TemplateRendered
from garden.core.write_failure import writing
from garden.export.formats import FORMATS, Format, render
from garden.export.go_template import family_of
from garden.export.rendering import Export
from garden.jobs.handle import Handle
from garden.jobs.pool import TaskPool
from garden.process.program import run_program
from garden.process.scratch_folder import scratch_folder
from garden.process.task import run_task
from garden.services.fit import FitService
from garden.store.atomic_file import write_atomically
from garden.store.replays import ReplayRecord, Replays, ReplayVerdict

SCRIPT_FORMAT = "llama-cpp-python"

#: Starts a script in an interpreter to which garden does not exist: importing it fails there.
_WITHOUT_GARDEN = (
    "import sys, runpy; sys.modules['garden'] = None; sys.argv = sys.argv[1:]; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)

#: A large model takes minutes to load and to answer on a slow disk; longer than this it hangs.
_LIMIT_SECONDS = 1_800.0

#: Two logits closer than this may change places with the order of additions. Gaps seen where equal configurations
#: parted on other builds were 0.02 to 0.36; greedy text of one build on one processor parts nowhere.
NEAR_TIE = 0.5


class Replayed(msgspec.Struct, frozen=True):
    """What a script printed: tokens, and per token how far the best stood above the second best, in logits."""

    token_ids: tuple[int, ...]
    margins: tuple[float, ...] = ()


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
        self._samples: dict[str, str] = {}

    @property
    def formats(self) -> tuple[Format, ...]:
        """What can be rendered."""
        return FORMATS

    def render(
        self,
        format_name: str,
        configuration: RunConfiguration,
        answer: Answer | None = None,
        *,
        with_seed: bool = True,
    ) -> Export:
        """The files of one format, and what it cannot express.

        Args:
            format_name: A name of ``formats``.
            configuration: What to take away; an answer's own when there is one, since the engine resolved it.
            answer: The answer to reproduce: its prompt goes along.
            with_seed: The configuration's seed goes along; without one the target draws anew for each answer.

        Raises:
            NotFoundError: No such format.
            RefusedError: The target cannot hold it.
        """
        return render(
            format_name,
            configuration,
            prompt_text=answer.rendered_prompt or None if answer else None,
            prompt_token_ids=answer.prompt_token_ids if answer else (),
            sample_text=self._sample(format_name, configuration) if answer is None else None,
            template_text=self._template(configuration.model),
            with_seed=with_seed,
        )

    def write(self, export: Export, folder: Path, *, replace: bool = False) -> tuple[Path, ...]:
        """Write the files into a folder, each whole or not at all.

        Raises:
            AlreadyThereError: A file of that name is there and ``replace`` is off.
            DiskFullError: No room.
            StateError: The folder cannot be written.
        """
        paths = tuple(folder / name for name, _text in export.files)
        there = [path.name for path in paths if path.exists()]
        if there and not replace:
            raise AlreadyThereError(
                f"{folder} already has {', '.join(there)}.", "Choose another folder, or replace them."
            )
        with writing(str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
        for path, (_name, text) in zip(paths, export.files, strict=True):
            write_atomically(path, text.encode())
            if text.startswith("#!") and os.name == "posix":
                with writing(path.name):
                    path.chmod(0o755)
        return paths

    def replay(self, configuration: RunConfiguration, answer: Answer) -> Handle[ReplayRecord]:
        """Run the exported script in a process that cannot see Garden, and compare its tokens with the answer's.

        Raises:
            RefusedError: There is nothing to compare with.
        """
        if not answer.token_ids or not answer.rendered_prompt:
            raise RefusedError("There is no answer to compare with.", "Ask the pane first, then replay.")

        def work(cancelled: threading.Event) -> ReplayRecord:
            self._check_memory(configuration)
            export = self.render(SCRIPT_FORMAT, configuration, answer)
            with scratch_folder("replay") as folder:
                script = self.write(export, Path(folder))[0]
                replayed = run_script(script, cancelled)
            record = compare_tokens(configuration, answer, replayed)
            self._replays.save(record)
            return record

        return self._pool.submit(work)

    def _check_memory(self, configuration: RunConfiguration) -> None:
        """The script loads the model a second time beside the pane's own."""
        forecast = self._fit.forecast(configuration.model, configuration.load)
        if forecast.verdict is Verdict.TOO_LARGE:
            raise OutOfMemoryError(
                "There is not enough memory to load the model a second time for the replay.",
                "Unload it in the pane first, then replay.",
            )

    def _sample(self, format_name: str, configuration: RunConfiguration) -> str | None:
        """What the template makes of any prompt, for the format that takes a template's own system message apart."""
        choice = configuration.ask.template
        source = self._template(configuration.model) if choice == "file" else choice
        if format_name != "ollama" or source is None or choice == "none" or family_of(source) is None:
            return None
        if source not in self._samples:
            try:
                request = RenderTemplate(source=source, prompt="Hello")
                rendered = run_task("template", request, TemplateOutput, TemplateRendered)
            except GardenError:
                return None  # a template that fails has no text of its own to take along
            self._samples[source] = rendered.text
        return self._samples[source]

    def _template(self, ref: ModelRef) -> str | None:
        try:
            return self._fit.header(ref).chat_template
        except GardenError:
            return None


def run_script(script: Path, cancelled: threading.Event) -> Replayed:
    """What an exported script answers, run where garden cannot be imported.

    Raises:
        CancelledByUser: Cancelled; the process has ended.
        GardenError: It failed; the detail holds what it printed.
    """
    command = [sys.executable, "-I", "-c", _WITHOUT_GARDEN, str(script), "--margins"]
    done = run_program(command, cancelled, limit_seconds=_LIMIT_SECONDS, folder=script.parent)
    text, errors = done.output, done.errors
    if done.code != 0:
        last = next((line for line in reversed(errors.splitlines()) if line.strip()), "")
        raise GardenError(f"The exported script failed: {last[:200]}", "Its own message says why.", errors[-4000:])
    try:
        return msgspec.json.decode(text.strip().splitlines()[-1], type=Replayed)
    except (msgspec.DecodeError, IndexError) as error:
        raise GardenError("The exported script did not print tokens.", "", text[-4000:] + errors[-4000:]) from error


def compare_tokens(configuration: RunConfiguration, answer: Answer, replayed: Replayed) -> ReplayRecord:
    """The verdict on a replay: ``reproduces``, ``near-tie`` or ``differs``.

    A near-tie is no fault of the export: where two tokens were almost equally likely, the last bits of the arithmetic
    decide, and these differ between builds and processors.
    """
    ours, theirs = answer.token_ids, replayed.token_ids
    same = 0
    for mine, other in zip(ours, theirs, strict=False):
        if mine != other:
            break
        same += 1
    # What was stopped here goes on there; only what was written can be compared.
    whole = same == len(theirs) or answer.finish_reason is FinishReason.CANCELLED
    if same == len(ours) and whole:
        at_token, detail = None, f"All {len(ours)} tokens agree."
        verdict: ReplayVerdict = "reproduces"
    else:
        gap = replayed.margins[same] if same < len(replayed.margins) else None
        tied = gap is not None and gap < NEAR_TIE
        verdict, at_token = "near-tie" if tied else "differs", same
        detail = f"{same} of {len(ours)} tokens agree; "
        if same == len(ours):
            detail += "the script goes on after them."
        elif gap is None:
            detail += "the script ends there."
        elif tied:
            detail += f"parts at a near tie of {gap:.2f} logits."
        else:
            detail += f"parts where the two best tokens are {gap:.2f} logits apart."
        if answer.metrics.reused_tokens:
            # Then its prompt went through the engine in other batches than the script's, which reads all of it.
            detail += f" The pane had {answer.metrics.reused_tokens:,} tokens of its prompt still in its cache."
    return ReplayRecord(
        identity=configuration.identity,
        target=SCRIPT_FORMAT,
        verdict=verdict,
        at_token=at_token,
        detail=detail,
        engine_version=importlib.metadata.version("llama-cpp-python"),
    )
