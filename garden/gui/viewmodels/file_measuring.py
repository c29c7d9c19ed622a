"""Speeds of files of the Hub, measured before anything of them but the header is fetched."""

from __future__ import annotations

from garden.core.catalog import Repository, RepositoryFile
from garden.core.job_record import JobRecord
from garden.core.run_configuration import LoadParameters
from garden.gui.viewmodels.measuring import Measuring, Subject, measured_sentence
from garden.services.hub_files import hub_ref
from garden.services.twin_runs import subject_of


class FileMeasuring(Measuring):
    """Measurements by repository and file."""

    def measure(self, repository: Repository, file: RepositoryFile, load: LoadParameters) -> None:
        """Measure a file on a shorter copy of it."""
        subject = _subject(repository, file)
        self.begin(
            *subject,
            lambda: self._garden.twins.measure_remote(repository, file, load),
            measured_sentence(hub_ref(repository, file), load),
            load,
        )

    def stop(self, repository: Repository, file: RepositoryFile) -> None:
        """Stop measuring a file."""
        self.cancel(*_subject(repository, file))

    def of(
        self, repository: Repository | None, file: RepositoryFile, load: LoadParameters | None = None
    ) -> JobRecord | None:
        """The measurement of a file under way; its note tells when it is not of this load."""
        return self.job(*_subject(repository, file), load) if repository is not None else None


def _subject(repository: Repository, file: RepositoryFile) -> Subject:
    return subject_of(hub_ref(repository, file))
