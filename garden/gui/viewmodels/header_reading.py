"""Headers of a repository's files for its rows: a rough figure for each from the first keys of one, then their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from garden.core.errors import CancelledByUser
from garden.fit.sketch import sibling_header

if TYPE_CHECKING:
    from garden.core.catalog import Repository, RepositoryFile
    from garden.core.run_configuration import LoadParameters
    from garden.gguf.header import GgufHeader
    from garden.gui.viewmodels.file_table import FileRow
    from garden.jobs.handle import Handle
    from garden.services.fit import FitService


def read_header(
    fit: FitService, repository: Repository, file: RepositoryFile
) -> tuple[Handle[GgufHeader], Handle[GgufHeader]]:
    """Begin to read a header.

    Returns:
        Handles of the header and of a stand-in for it, which comes before when it is the first of the repository; else
        that one ends with the header, without a result.
    """
    from garden.jobs.handle import Handle

    sketch: Handle[GgufHeader] = Handle()
    header = fit.remote_header(repository, file, sketched=sketch.succeed)
    header.on_done(lambda _header: sketch.fail(CancelledByUser()))
    return header, sketch


def sketched_rows(fit: FitService, rows: Sequence[FileRow], sketch: GgufHeader, load: LoadParameters) -> list[FileRow]:
    """The rows, those of which nothing is known with a rough forecast.

    Args:
        fit: Forecasts.
        rows: All rows.
        sketch: The stand-in for a header of one of them.
        load: How they would be loaded.
    """
    return [
        dataclasses.replace(row, forecast=fit.forecast_header(sibling_header(sketch, row.file.size_bytes), load))
        if row.forecast is None and not row.problem
        else row
        for row in rows
    ]


def forecast_rows(
    fit: FitService, rows: Sequence[FileRow], load_of: Callable[[GgufHeader], LoadParameters]
) -> list[FileRow]:
    """The rows with new forecasts, where their headers are known.

    Args:
        fit: Forecasts.
        rows: All rows.
        load_of: How a header would be loaded.
    """
    return [
        dataclasses.replace(row, forecast=fit.forecast_header(row.header, load_of(row.header)))
        if row.header is not None
        else row
        for row in rows
    ]
