"""The tour: the main job on a real model, from the machine to a configuration that was proved to reproduce."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from garden.comparison.document import to_json
from garden.comparison.first_difference import first_difference
from garden.comparison.page import to_page
from garden.core.conversation import Answer, Conversation, Mode, Turn
from garden.core.errors import GardenError, RefusedError
from garden.core.library_entry import LibraryEntry
from garden.core.paths import user_path
from garden.core.quantity import format_bytes, format_duration
from garden.core.receipt import QualityReport, QuantizationReceipt
from garden.core.run_configuration import RunConfiguration
from garden.core.write_failure import writing
from garden.jobs.handle import Handle
from garden.quantization.plan import destination_name
from garden.services import starter
from garden.services.exports import SCRIPT_FORMAT
from garden.services.figures import FIGURE_NAMES, answer_figures, figures
from garden.services.garden import Garden
from garden.services.target import STARTER, full_name
from garden.store.atomic_file import write_atomically
from garden.store.replays import ReplayVerdict

T = TypeVar("T")

QUANT_TYPES = ("Q4_0", "Q3_K_M", "Q2_K")
COMPARED = ("Q3_K_M", "Q2_K")
QUESTION = "What is a garden? Answer in two sentences."
PROMPTS = ("Why is the sky blue? Answer in two sentences.", "Write a Python function that reverses a string.")

#: Long enough to see the panes part, short enough for two cores.
MAX_TOKENS = 80

#: Of each answer, on the terminal; the whole text is in the comparison.
_SHOWN_CHARACTERS = 240

#: Windows of 512 tokens for the loss: 2,048 tokens in all.
WINDOWS = 4


class Narrator(Protocol):
    """Tells the tour to whoever follows it."""

    def heading(self, text: str) -> None:
        """A step begins."""

    def say(self, text: str) -> None:
        """A line of it."""

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Figures side by side; every column but the first is one of figures."""

    def wait(self, handle: Handle[T], what: str) -> T:
        """Wait for long work, showing how far it is."""

    def ask(self, garden: Garden, conversation: Conversation, prompt: str, names: list[str]) -> Turn:
        """Ask the panes, showing which one answers."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TourResult:
    """What the tour found.

    Attributes:
        folder: Where everything was written.
        replay: The verdict on the exported script.
        chosen: Name of the model that was exported.
    """

    folder: Path
    replay: ReplayVerdict
    chosen: str


class Tour:
    """One run of the tour.

    Args:
        garden: The services.
        narrator: Who tells it.
        folder: Where the results go; made when it is missing.
    """

    def __init__(self, garden: Garden, narrator: Narrator, folder: Path) -> None:
        self._garden = garden
        self._narrator = narrator
        self._folder = user_path(folder)

    def run(self, target: str = STARTER) -> TourResult:
        """Do all of it.

        Raises:
            GardenError: A step failed; what was written before it is whole.
        """
        with writing(str(self._folder), action="Choose another folder: -o DIR"):
            self._folder.mkdir(parents=True, exist_ok=True)
        self._machine()
        entry = self._model(target)
        configuration = self._fit(entry)
        self._chat(entry, configuration)
        made = self._quantize(entry)
        reports = self._loss(entry, made)
        conversation = self._compare(entry, made)
        return self._export(conversation, made, reports)

    def _machine(self) -> None:
        self._narrator.heading("This machine")
        machine = self._garden.machine.refresh().result()
        total, free = format_bytes(machine.ram_total_bytes), format_bytes(machine.ram_free_bytes)
        self._narrator.say(f"{machine.cpu.name}, {machine.cpu.physical_cores} cores; {free} of {total} memory free.")
        for gpu in machine.gpus:
            self._narrator.say(
                f"{gpu.name}, {'used as ' + gpu.device if gpu.device else 'which this engine build cannot use'}."
            )
        if not machine.engine.installed:
            raise GardenError(
                machine.engine.problem or "The engine cannot be loaded.", "Run: python packaging/bootstrap.py setup"
            )
        devices = ", ".join(device.name for device in machine.engine.devices)
        self._narrator.say(f"Engine: llama-cpp-python {machine.engine.version} on {devices}.")

    def _model(self, target: str) -> LibraryEntry:
        if target == STARTER:
            self._narrator.heading("The starter model")
            if not self._garden.library.starter_available:
                size = format_bytes(starter.DOWNLOAD_BYTES)
                self._narrator.say(f"It is fetched once: {starter.SOURCE}, {size}, Apache-2.0, checked by hash.")
                self._narrator.wait(self._garden.library.fetch_starter(), "Fetching the starter model")
            self._narrator.say(
                f"{starter.NAME} {starter.QUANT_TYPE}, {format_bytes(starter.SIZE_BYTES)}. {starter.HONESTLY}"
            )
        entry = self._garden.library.resolve(target)
        if entry.problem:
            raise GardenError(entry.problem)
        return entry

    def _fit(self, entry: LibraryEntry) -> RunConfiguration:
        self._narrator.heading("Will it run? (from the header alone)")
        configuration = self._garden.compare.configuration_for(entry)
        forecast = self._garden.fit.forecast(entry, configuration.load)
        self._narrator.say(forecast.reason)
        parts = (
            ("weights", forecast.weights_bytes),
            ("KV cache", forecast.kv_cache_bytes),
            ("compute", forecast.compute_bytes),
        )
        self._narrator.say(
            f"At {configuration.load.context_length:,} tokens: "
            + ", ".join(f"{name} {format_bytes(size)}" for name, size in parts if size)
            + (f", together {format_bytes(forecast.total_bytes)}" if forecast.total_bytes else "")
            + (
                f"; with vocabulary and process it needs {format_bytes(forecast.need_bytes)}."
                if forecast.need_bytes
                else "."
            )
        )
        return configuration

    def _chat(self, entry: LibraryEntry, configuration: RunConfiguration) -> None:
        self._narrator.heading("A chat turn")
        conversation = self._garden.compare.new([_greedy(configuration)])
        turn = self._narrator.ask(self._garden, conversation, QUESTION, [full_name(entry)])
        answer = turn.answers[0]
        if answer.error:
            raise GardenError(answer.error, answer.action)
        self._narrator.say(f"“{QUESTION}”")
        self._narrator.say(answer.text.strip())
        self._narrator.say(figures(answer))
        held, forecast = answer.metrics.buffers_bytes, answer.metrics.forecast_bytes
        if held and forecast:
            self._narrator.say(
                f"Memory: forecast {format_bytes(forecast)}, the engine's buffers {format_bytes(held)}: "
                f"{_percent(abs(forecast - held) / held)} off."
            )
        self._garden.compare.delete(conversation.id)

    def _quantize(self, entry: LibraryEntry) -> tuple[tuple[QuantizationReceipt, LibraryEntry], ...]:
        self._narrator.heading("Smaller versions")
        consent = False
        try:
            self._garden.workshop.check(entry)
        except RefusedError as refusal:
            self._narrator.say(f"Refused at first: {refusal.sentence}")
            self._narrator.say("With consent, each result is measured against this file, not against the original.")
            consent = True
        else:
            self._narrator.say("This file was not quantized yet, so nothing speaks against it.")
        made = []
        folder = self._folder / "models"
        for quant_type in QUANT_TYPES:
            handle = self._garden.workshop.quantize(
                entry,
                quant_type,
                destination=folder / destination_name(entry.ref, quant_type),
                allow_requantize=consent,
                replace=True,
                keep=False,
            )
            receipt = self._narrator.wait(handle, f"Quantizing {quant_type}")
            self._narrator.say(
                f"{quant_type}: {receipt.size_bytes:,} bytes (forecast {receipt.forecast_size_bytes or 0:,}), "
                f"{receipt.bits_per_weight:.2f} bits per weight, {format_duration(receipt.seconds)}, "
                f"peak {format_bytes(receipt.peak_memory_bytes)}."
            )
            made.append((receipt, self._garden.library.describe(Path(receipt.path))))
        return tuple(made)

    def _loss(
        self, entry: LibraryEntry, made: tuple[tuple[QuantizationReceipt, LibraryEntry], ...]
    ) -> tuple[QualityReport, ...]:
        self._narrator.heading("What each lost, measured")
        handle = self._garden.workshop.quality(entry, [quant for _receipt, quant in made], windows=WINDOWS)
        reports = self._narrator.wait(handle, "Measuring the loss")
        rows = [
            (
                receipt.quant_type,
                f"{report.kld_mean:.3f} ± {report.kld_standard_error:.3f}",
                f"{report.kld_p99:.2f}",
                _percent(report.same_top),
                f"{report.perplexity:.2f}",
            )
            for (receipt, _quant), report in zip(made, reports, strict=True)
        ]
        self._narrator.table(("Type", "KL divergence", "99th percentile", "Same best token", "Perplexity"), rows)
        ranked = sorted(zip(reports, made, strict=True), key=lambda pair: pair[0].kld_mean)
        self._narrator.say(
            f"{reports[0].tokens_scored:,} tokens of {reports[0].text}. Closest first: "
            + ", ".join(receipt.quant_type for _report, (receipt, _quant) in ranked)
            + "."
        )
        document = {
            "receipts": [msgspec.to_builtins(receipt) for receipt, _quant in made],
            "losses": [msgspec.to_builtins(report) for report in reports],
        }
        write_atomically(self._folder / "receipts.json", msgspec.json.format(msgspec.json.encode(document), indent=2))
        return reports

    def _compare(self, entry: LibraryEntry, made: tuple[tuple[QuantizationReceipt, LibraryEntry], ...]) -> Conversation:
        self._narrator.heading("Side by side, one model at a time")
        entries = [entry, *(quant for receipt, quant in made if receipt.quant_type in COMPARED)]
        panes = [_greedy(self._garden.compare.configuration_for(each)) for each in entries]
        names = [full_name(each) for each in entries]
        conversation = self._garden.compare.new(panes, Mode.RELAY)
        for prompt in PROMPTS:
            turn = self._narrator.ask(self._garden, conversation, prompt, names)
            self._narrator.say(f"“{prompt}”")
            self._tell_answers(turn, names)
        conversation = self._garden.compare.open(conversation.id)
        page = to_page(conversation, machine=self._machine_line())
        write_atomically(self._folder / "comparison.html", page.encode())
        write_atomically(self._folder / "comparison.json", to_json(conversation).encode())
        self._garden.compare.close_conversation(conversation.id)
        return conversation

    def _tell_answers(self, turn: Turn, names: Sequence[str]) -> None:
        baseline = turn.answers[0]
        rows = []
        for name, answer in zip(names, turn.answers, strict=True):
            if answer.error:
                raise GardenError(answer.error, answer.action)
            self._narrator.say(f"{answer.pane}  {name}")
            self._narrator.say(f"   {_short(answer.text)}")
            rows.append((answer.pane, *answer_figures(answer), _parting(baseline, answer)))
        self._narrator.table(("Pane", *FIGURE_NAMES, f"Parts from {baseline.pane}"), rows)

    def _machine_line(self) -> str:
        machine = self._garden.machine.snapshot()
        return (
            f"{machine.cpu.name}, {machine.cpu.physical_cores} cores, "
            f"{format_bytes(machine.ram_total_bytes)} of RAM, llama-cpp-python {machine.engine.version}"
        )

    def _export(
        self,
        conversation: Conversation,
        made: tuple[tuple[QuantizationReceipt, LibraryEntry], ...],
        reports: tuple[QualityReport, ...],
    ) -> TourResult:
        self._narrator.heading("Taking the chosen one away")
        candidates = [
            (report.kld_mean, quant)
            for (receipt, quant), report in zip(made, reports, strict=True)
            if receipt.quant_type in COMPARED
        ]
        chosen = min(candidates, key=lambda pair: pair[0])[1]
        answer = next(
            answer for answer in conversation.turns[0].answers if answer.configuration.model.path == chosen.ref.path
        )
        self._narrator.say(f"Chosen: {full_name(chosen)}, the closest of the two compared.")
        for known in self._garden.exports.formats:
            rendered = self._garden.exports.render(known.name, answer.configuration, answer)
            folder = self._folder / "exports" / known.name
            paths = self._garden.exports.write(rendered, folder, replace=True)
            self._narrator.say(f"{known.title}: {', '.join(str(path.relative_to(self._folder)) for path in paths)}")
        if not answer.token_ids:
            raise GardenError(
                f"{full_name(chosen)} answered with nothing, so there is nothing to replay.", "Try another model."
            )
        handle = self._garden.exports.replay(answer.configuration, answer)
        record = self._narrator.wait(handle, "Replaying the exported script")
        self._narrator.say(
            f"The {SCRIPT_FORMAT} script, run where Garden does not exist: {record.verdict}. {record.detail}"
        )
        return TourResult(folder=self._folder, replay=record.verdict, chosen=full_name(chosen))


def _greedy(configuration: RunConfiguration) -> RunConfiguration:
    sampling = dataclasses.replace(configuration.ask.sampling, temperature=0.0)
    return configuration.with_ask(sampling=sampling, max_tokens=MAX_TOKENS)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _parting(baseline: Answer, answer: Answer) -> str:
    """Where the first token differs, and with which words."""
    if answer is baseline:
        return ""
    parting = first_difference(baseline, answer)
    if parting is None:
        return "never" if answer.token_ids == baseline.token_ids else "–"
    words = f"“{parting.baseline_word or 'the end'}” → “{parting.word or 'the end'}”"
    return words if parting.token is None else f"token {parting.token + 1}, {words}"
