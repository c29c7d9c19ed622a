"""Speed measurements of models that are on this machine."""

from __future__ import annotations

from garden.core.job_record import JobRecord
from garden.core.library_entry import LibraryEntry
from garden.core.run_configuration import LoadParameters
from garden.gui.viewmodels.measuring import Measuring, Subject, measured_sentence


class LibraryMeasuring(Measuring):
    """Measurements by the entry that they are of."""

    def measure(self, entry: LibraryEntry, load: LoadParameters | None = None) -> None:
        """Measure a model's speed on a shorter copy of it.

        Args:
            entry: The model.
            load: How it would be loaded: what is chosen on the page; as this machine would by itself when None.
        """
        self.begin(
            *_subject(entry),
            lambda: self._garden.twins.measure(entry, load),
            measured_sentence(entry.ref, load),
            load,
        )

    def cancel_of(self, entry: LibraryEntry) -> None:
        """Stop measuring a model's speed."""
        self.cancel(*_subject(entry))

    def of(self, entry: LibraryEntry, load: LoadParameters | None = None) -> JobRecord | None:
        """The measurement of a model's speed under way; its note tells when it is not of this load."""
        return self.job(*_subject(entry), load)

    def is_about(self, entry: LibraryEntry, title: str, subtitle: str) -> bool:
        """Whether a measurement with this title and subtitle is this model's."""
        return _subject(entry) == (title, subtitle)


def _subject(entry: LibraryEntry) -> Subject:
    # Imported when it is wanted: a window that measures nothing needs none of it.
    from garden.services.twin_runs import subject_of

    return subject_of(entry.ref)
