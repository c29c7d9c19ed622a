"""``garden files``."""

from __future__ import annotations

import click

from garden.cli.output import json_option, opened, print_json, print_table, printable, verdict_word
from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import GardenError, NotFoundError
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.load_choice import LoadChoice
from garden.core.quantity import format_bytes, format_count
from garden.fit.recommend import recommendation
from garden.hub.address import parse_repo_id
from garden.services.files_beside import files_beside
from garden.services.garden import Garden
from garden.services.load_plan import wanted_load
from garden.services.rated_model import RatedModel
from garden.services.runnable_elsewhere import why_nothing_runs

#: So much of a hash tells two files apart.
_HASH_CHARACTERS = 12


@click.command(help="Files of a repository (owner/name, or its address on the Hub), with sizes and verdicts.")
@click.argument("repo")
@click.option("--revision", help="Branch, tag or commit.")
@click.option("--context", type=click.IntRange(16, 16_777_216), help="Tokens; the model's own or 16,384 by default.")
@json_option
def files(repo: str, revision: str | None, context: int | None, as_json: bool) -> None:
    """List files."""
    repo_id = parse_repo_id(repo)
    if repo_id is None:
        raise click.UsageError(f"“{repo}” is not owner/name.")
    with opened(notes_optional=True) as garden:
        garden.machine.read()
        repository = garden.catalog.repository(repo_id, revision).result()
        if not repository.files and not as_json:
            _show_elsewhere(garden, repository)
            return
        choice = LoadChoice(context_length=context)
        forecasts = {file.filename: _forecast_of(garden, repository, file, choice) for file in repository.files}
    if as_json:
        print_json([_file_document(file, forecasts[file.filename]) for file in repository.files])
    else:
        _show(repository, forecasts)


def _show(repository: Repository, forecasts: dict[str, FitForecast | None]) -> None:
    rated = tuple((file, forecast) for file in repository.files if (forecast := forecasts[file.filename]) is not None)
    best = recommendation(rated)
    rows = []
    for file in repository.files:
        forecast = forecasts[file.filename]
        taken = best is not None and file is best.file
        note = "recommended" if taken else ("" if file.kind == "model" else file.kind)
        memory = format_bytes(forecast.need_bytes) if forecast and forecast.need_bytes else "–"
        rows.append(
            (
                file.quant_type or file.filename,
                format_bytes(file.size_bytes),
                memory,
                verdict_word(forecast) if forecast else "–",
                (file.sha256 or "–")[:_HASH_CHARACTERS],
                note,
            )
        )
    print_table(("Type", "Size", "Need", "Verdict", "SHA-256", ""), rows, right=(1, 2))
    if best is not None:
        click.echo(printable(f"Recommended: {best.file.quant_type or best.file.filename}. {best.reason}"))
    elif reason := next((forecast.reason for _file, forecast in rated if forecast.reason), ""):
        click.echo(printable(reason))
    for left in (beside for beside in files_beside(repository) if beside.size_bytes is None):
        click.echo(f"{left.title}: {left.note[:1].lower()}{left.note[1:]}")


def _show_elsewhere(garden: Garden, repository: Repository) -> None:
    """Say why nothing in it runs, and list the repositories that hold this model as something that does."""
    repo_id = repository.summary.repo_id
    why = printable(why_nothing_runs(repository, garden.catalog.rated(repository.summary).forecast))
    try:
        found = garden.catalog.families.quantizations(repo_id).result()
    except GardenError:
        found = ()
    if not found:
        raise NotFoundError(f"{repo_id} has no GGUF files. {why}", "Search for a GGUF version of it.")
    click.echo(why)
    click.echo("Made from it, the publisher's own first:")
    print_table(
        ("Model", "Verdict", "Takes", "Downloads"),
        [_elsewhere_row(garden.catalog.rated(summary)) for summary in found],
        right=(3,),
    )


def _elsewhere_row(row: RatedModel) -> tuple[str, ...]:
    return (
        row.summary.repo_id,
        verdict_word(row.forecast),
        row.forecast.quant_type or "–",
        format_count(row.summary.downloads) if row.summary.downloads is not None else "–",
    )


def _forecast_of(
    garden: Garden, repository: Repository, file: RepositoryFile, choice: LoadChoice
) -> FitForecast | None:
    """Forecast of a file on the Hub from its header; None for what is no model or cannot be read."""
    if file.kind != "model":
        return None
    try:
        header = garden.fit.remote_header(repository, file).result()
    except GardenError:
        return None
    return garden.fit.decided(header, wanted_load(garden.fit, header, choice))


def _file_document(file: RepositoryFile, forecast: FitForecast | None) -> dict[str, object]:
    unrated = Verdict.UNKNOWN if file.kind == "model" else Verdict.NOT_A_LANGUAGE_MODEL
    return {
        "filename": file.filename,
        "files": [part.filename for part in file.files],
        "quant_type": file.quant_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "verdict": (forecast.verdict if forecast else unrated).value,
        "total_bytes": forecast.total_bytes if forecast else None,
    }
