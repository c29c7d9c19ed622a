"""What the rows of a repository's files say: forecasts, which one to take, which are here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garden.fit.default_load import with_found_layers
from garden.fit.projector import with_projector
from garden.fit.sketch import sibling_header
from garden.services.hub_files import hub_ref
from garden.services.load_plan import load_plan, wanted_load

if TYPE_CHECKING:
    from garden.core.catalog import Repository, RepositoryFile
    from garden.core.fit_forecast import FitForecast
    from garden.core.library_entry import LibraryEntry
    from garden.core.load_choice import LoadChoice
    from garden.core.run_configuration import LoadParameters
    from garden.fit.projector import Projector
    from garden.gguf.header import GgufHeader
    from garden.gui.viewmodels.file_table import FileRow
    from garden.services.garden import Garden
    from garden.services.load_plan import LoadPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What one file comes to.

    Attributes:
        header: What it was read from, None when a stand-in was.
        forecast: How it will run.
        load: What was forecast.
    """

    header: GgufHeader | None
    forecast: FitForecast
    load: LoadParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """What the files of a repository come to with one choice.

    Attributes:
        repository: Theirs.
        by_file: By the name of the file.
        selected: The file that the plan is of.
        plan: How that would be loaded, None until its header was read.
    """

    repository: Repository
    by_file: Mapping[str, Rating]
    selected: str | None
    plan: LoadPlan | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingQuestion:
    """What is to be computed for the files of a repository.

    Attributes:
        repository: Theirs.
        files: Those that can be read.
        headers: What was read, by the name of the file.
        sketch: Stands for what was not, None until the first keys of one file are known.
        projector: What images or sound take beside each model; None without, or not yet known.
        choice: How the files are to be loaded.
        selected: The file whose plan is wanted, too.
        ask_engine: Whether the engine is to be asked where the formula leaves a verdict open.
    """

    repository: Repository
    files: Sequence[RepositoryFile]
    headers: Mapping[str, GgufHeader]
    sketch: GgufHeader | None
    projector: Projector | None
    choice: LoadChoice
    selected: str | None
    ask_engine: bool

    def answer(self, garden: Garden) -> Ratings:
        """Compute it: below a millisecond a file, away from the Qt thread."""
        fit, machine = garden.fit, garden.what_if.snapshot
        rated: dict[str, Rating] = {}
        plan: LoadPlan | None = None
        for file in self.files:
            header = self.headers.get(file.filename)
            read = header or (sibling_header(self.sketch, file.size_bytes) if self.sketch is not None else None)
            if read is None:
                continue
            ref, load = hub_ref(self.repository, file), wanted_load(fit, read, self.choice, machine)
            forecast = fit.forecast_remote(ref, read, load, machine, ask_engine=self.ask_engine)
            forecast = with_projector(forecast, self.projector)
            rated[file.filename] = Rating(header=header, forecast=forecast, load=with_found_layers(load, forecast))
            if header is not None and file.filename == self.selected:
                plan = load_plan(fit, ref, header, self.choice, forecast, machine)
        return Ratings(repository=self.repository, by_file=rated, selected=self.selected, plan=plan)


def rated_rows(rows: Sequence[FileRow], ratings: Ratings) -> list[FileRow]:
    """The rows with what is known of them by now; what was read of a file stands before what a stand-in said."""
    by_file = ratings.by_file
    return [
        row
        if (rating := by_file.get(row.file.filename)) is None or (rating.header is None and row.header is not None)
        else dataclasses.replace(row, header=rating.header, forecast=rating.forecast, load=rating.load)
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
