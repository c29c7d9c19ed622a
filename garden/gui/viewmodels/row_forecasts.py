"""What the rows of a repository's files say: forecasts, which one to take, which are here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from garden.core.errors import CancelledByUser
from garden.fit.projector import Projector, with_projector
from garden.fit.sketch import sibling_header
from garden.services.hub_files import hub_ref

if TYPE_CHECKING:
    from garden.core.catalog import Repository, RepositoryFile
    from garden.core.fit_forecast import FitForecast
    from garden.core.library_entry import LibraryEntry
    from garden.core.run_configuration import LoadParameters
    from garden.gguf.header import GgufHeader
    from garden.gui.viewmodels.file_table import FileRow
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden


class RowForecasts:
    """Reads headers and forecasts from them.

    Args:
        garden: The services.
        load_of: How a header would be loaded.

    Attributes:
        projector: What images or sound take beside each model of the repository; None without, or not yet known.
    """

    def __init__(self, garden: Garden, load_of: Callable[[GgufHeader], LoadParameters]) -> None:
        self._garden = garden
        self._load_of = load_of
        self.projector: Projector | None = None

    def read(self, repository: Repository, file: RepositoryFile) -> tuple[Handle[GgufHeader], Handle[GgufHeader]]:
        """Begin to read a header.

        Returns:
            Handles of the header and of a stand-in for it, which comes before when it is the first of the repository;
            else that one ends with the header, without a result.
        """
        from garden.jobs.handle import Handle

        sketch: Handle[GgufHeader] = Handle()
        header = self._garden.fit.remote_header(repository, file, sketched=sketch.succeed)
        header.on_done(lambda _header: sketch.fail(CancelledByUser()))
        return header, sketch

    def forecast(self, repository: Repository, file: RepositoryFile, header: GgufHeader) -> FitForecast:
        """The forecast of a file from its header."""
        ref = hub_ref(repository, file)
        return with_projector(self._garden.fit.forecast_remote(ref, header, self._load_of(header)), self.projector)

    def anew(self, repository: Repository, rows: Sequence[FileRow]) -> list[FileRow]:
        """The rows with new forecasts, where their headers are known."""
        return [
            row
            if row.header is None
            else dataclasses.replace(row, forecast=self.forecast(repository, row.file, row.header))
            for row in rows
        ]

    def sketched(self, repository: Repository, rows: Sequence[FileRow], sketch: GgufHeader) -> list[FileRow]:
        """The rows, those of which nothing is known with a rough forecast.

        Args:
            repository: Theirs.
            rows: All rows.
            sketch: The stand-in for a header of one of them.
        """
        return [
            dataclasses.replace(
                row,
                forecast=self.forecast(repository, row.file, sibling_header(sketch, row.file.size_bytes)),
            )
            if row.forecast is None and not row.problem
            else row
            for row in rows
        ]


def recommended_rows(rows: Sequence[FileRow], best: RepositoryFile | None) -> list[FileRow]:
    """The rows with the file to take marked, if there is one."""
    return [
        dataclasses.replace(row, recommended=best is not None and row.file.filename == best.filename) for row in rows
    ]


def rows_with_entries(rows: Sequence[FileRow], repo_id: str | None, entries: Sequence[LibraryEntry]) -> list[FileRow]:
    """The rows with their files in the library, where they are there."""
    here = {entry.ref.filenames[0]: entry for entry in entries if entry.ref.repo_id == repo_id and entry.ref.filenames}
    return [dataclasses.replace(row, entry=here.get(row.file.filename)) for row in rows]
