"""Taking a pane's configuration away: the text of a format, what it cannot express, saving and verifying it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.conversation import Answer, FinishReason
from garden.core.errors import CancelledByUser, GardenError, RefusedError
from garden.core.run_configuration import RunConfiguration
from garden.export.formats import FORMATS
from garden.export.rendering import Export

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden
    from garden.store.replays import ReplayRecord

SCRIPT_FORMAT = "llama-cpp-python"

#: What a replay means, below what it came to.
_VERDICTS = {
    "reproduces": "The script reproduces the answer.",
    "near-tie": "Two tokens were almost equally likely there; what follows is another answer.",
    "differs": "The script does not reproduce the answer.",
}


@dataclass(frozen=True, slots=True)
class ExportSource:
    """What can be exported.

    Attributes:
        letter: The pane, empty for a model of the library.
        configuration: As the engine resolved it, where it has run.
        answer: The answer that goes along, None before there is one.
    """

    letter: str
    configuration: RunConfiguration
    answer: Answer | None = None


class ExportViewModel(QObject):
    """One source in one format at a time.

    Signals:
        rendered: There is another text, or a sentence why there is none.
        outcome_changed: Saving or verifying moved on.
    """

    rendered = Signal()
    outcome_changed = Signal()

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._source: ExportSource | None = None
        self._replay: Handle[ReplayRecord] | None = None
        self._refused: Path | None = None
        self.format_name = FORMATS[0].name
        self.export: Export | None = None
        self.problem: GardenError | None = None
        self.outcome = ""
        self.outcome_detail = ""
        self.outcome_mood = "calm"

    @property
    def formats(self) -> tuple[tuple[str, str], ...]:
        """Name and title of each format."""
        return tuple((known.name, known.title) for known in FORMATS)

    @property
    def source(self) -> ExportSource | None:
        """What is exported."""
        return self._source

    @property
    def verifying(self) -> bool:
        """Whether a replay is under way."""
        return self._replay is not None

    @property
    def can_replace(self) -> bool:
        """Whether saving was refused since the files are there already."""
        return self._refused is not None

    @property
    def why_not_verify(self) -> str:
        """Why the export cannot be replayed now, empty when it can."""
        answer = self._source.answer if self._source else None
        if answer is None or not answer.token_ids:
            return "There is no answer to compare with; ask first."
        if answer.finish_reason in (FinishReason.CANCELLED, FinishReason.ERROR):
            return "This answer was cut off; only a whole one can be compared."
        return ""

    def show(self, source: ExportSource) -> None:
        """Export this."""
        self._source = source
        self._forget_outcome()
        self._render()

    def choose_format(self, name: str) -> None:
        """Render in another format."""
        if name != self.format_name:
            self.format_name = name
            self._forget_outcome()
            self._render()

    def save(self, folder: Path, *, replace: bool = False) -> None:
        """Write the files into a folder."""
        export = self.export
        if export is None:
            return
        self._refused = None

        def saved(paths: tuple[Path, ...]) -> None:
            names = ", ".join(path.name for path in paths)
            self._say(f"Saved {names}", str(folder), "success")

        def failed(error: GardenError) -> None:
            self._refused = folder if isinstance(error, RefusedError) and not replace else None
            self._say(error.sentence, error.action, "danger")

        self._pump.run(
            lambda: self._garden.exports.write(export, folder, replace=replace), saved, failed, receiver=self
        )

    def replace(self) -> None:
        """Write over the files that stopped the last saving."""
        if self._refused is not None:
            self.save(self._refused, replace=True)

    def verify(self) -> None:
        """Run the exported script without Garden and compare its tokens with the answer's."""
        source = self._source
        if source is None or source.answer is None or self.verifying or self.why_not_verify:
            return
        configuration, answer = source.configuration, source.answer
        self._replay = self._pump.begin(
            lambda: self._garden.exports.replay(configuration, answer), self._on_replayed, self._on_replay_failed
        )
        self._say("Running the script in a process that cannot see Garden …", "", "calm")

    def stop(self) -> None:
        """Stop verifying; called when nobody looks any more."""
        if self._replay is not None:
            self._replay.cancel()

    def _render(self) -> None:
        source, name = self._source, self.format_name
        if source is None:
            return

        def known(export: Export) -> None:
            if (source, name) == (self._source, self.format_name):
                self.export, self.problem = export, None
                self.rendered.emit()

        def failed(error: GardenError) -> None:
            if (source, name) == (self._source, self.format_name):
                self.export, self.problem = None, error
                self.rendered.emit()

        def work() -> Export:
            return self._garden.exports.render(name, source.configuration, source.answer)

        self._pump.run(work, known, failed, receiver=self)

    def _on_replayed(self, record: ReplayRecord) -> None:
        self._replay = None
        mood = {"reproduces": "success", "differs": "danger"}.get(record.verdict, "warning")
        self._say(record.detail, _VERDICTS.get(record.verdict, record.verdict), mood)

    def _on_replay_failed(self, error: GardenError) -> None:
        self._replay = None
        if isinstance(error, CancelledByUser):
            self._say("", "", "calm")
        else:
            self._say(error.sentence, error.action, "danger")

    def _forget_outcome(self) -> None:
        self.stop()
        self._refused = None
        self._say("", "", "calm")

    def _say(self, outcome: str, detail: str, mood: str) -> None:
        self.outcome, self.outcome_detail, self.outcome_mood = outcome, detail, mood
        self.outcome_changed.emit()
