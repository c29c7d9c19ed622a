"""``garden search``, ``garden files`` and ``garden download``."""

from __future__ import annotations

from typing import Any

import click

from garden.cli.output import json_option, opened, print_event, print_json, print_table, verdict_word, wait
from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import GardenError, NotFoundError
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.quantity import format_bytes, format_count, format_parameters
from garden.hub.address import parse_repo_id
from garden.hub.search_query import SearchQuery
from garden.services.garden import Garden
from garden.services.target import STARTER, HubTarget, parse_hub_target

_SORTS = ("trending", "downloads", "likes", "updated")
_RUNS = (Verdict.FITS, Verdict.TIGHT)

#: Pages read at most to fill a list that is filtered here.
_MAX_PAGES = 10


class ParameterCount(click.ParamType[int]):
    """A number of parameters: ``8B``, ``1.5b``, ``500M``, ``8000000000``; below 1,000 it means billions."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        text = str(value).strip().upper()
        units = {"B": 10**9, "M": 10**6, "K": 10**3}
        unit = units.get(text[-1:])
        try:
            number = float(text[:-1] if unit else text)
        except ValueError:
            self.fail(f"“{value}” is no number of parameters; write 8B or 500M.", param, ctx)
        if not 0 < number < 10**15:
            self.fail(f"“{value}” is no number of parameters that a model has.", param, ctx)
        return round(number * (unit or (10**9 if number < 1_000 else 1)))


@click.command(help="Search the Hub for GGUF models. QUERY is free text; empty lists what is popular.")
@click.argument("query", default="")
@click.option("--task", help="The Hub's task, e.g. text-generation.")
@click.option("--license", "license_", help="Licence id, e.g. apache-2.0.")
@click.option("--max-params", type=ParameterCount(), help="Parameters at most: 8B, 500M, or a number.")
@click.option("--fits", is_flag=True, help="Only models that run here.")
@click.option("--sort", type=click.Choice(_SORTS), default="trending", show_default=True)
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@json_option
def search(
    query: str,
    task: str | None,
    license_: str | None,
    max_params: int | None,
    fits: bool,
    sort: str,
    limit: int,
    as_json: bool,
) -> None:
    """Search."""
    question = SearchQuery(
        text=query,
        task=task,
        license=license_,
        max_parameters=max_params,
        sort=sort,
        limit=min(limit, 50),
    )
    with opened(notes_optional=True) as garden:
        garden.machine.read()
        rows, cursor = [], None
        for _ in range(_MAX_PAGES):
            page = garden.catalog.search(question, cursor).result()
            rows += [row for row in page.rows if not fits or row.forecast.verdict in _RUNS]
            cursor = page.cursor
            if cursor is None or len(rows) >= limit:
                break
    rows = rows[:limit]
    if as_json:
        print_json(
            [
                {
                    "repo_id": row.summary.repo_id,
                    "downloads": row.summary.downloads,
                    "likes": row.summary.likes,
                    "license": row.summary.license,
                    "pipeline_tag": row.summary.pipeline_tag,
                    "parameters": row.summary.parameters,
                    "gated": row.summary.gated,
                    "base_models": list(row.summary.base_models),
                    "verdict": row.forecast.verdict.value,
                }
                for row in rows
            ]
        )
        return
    if not rows:
        click.echo("No model matches. Try fewer words or filters.")
        return
    print_table(
        ("Model", "Parameters", "Verdict", "Licence", "Downloads"),
        [
            (
                row.summary.repo_id,
                format_parameters(row.summary.parameters) if row.summary.parameters else "–",
                verdict_word(row.forecast),
                row.summary.license or "–",
                format_count(row.summary.downloads) if row.summary.downloads is not None else "–",
            )
            for row in rows
        ],
        right=(1, 4),
    )


@click.command(help="Files of a repository (owner/name, or its address on the Hub), with sizes and verdicts.")
@click.argument("repo")
@json_option
def files(repo: str, as_json: bool) -> None:
    """List files."""
    repo_id = parse_repo_id(repo)
    if repo_id is None:
        raise click.UsageError(f"“{repo}” is not owner/name.")
    with opened(notes_optional=True) as garden:
        garden.machine.read()
        repository = garden.catalog.repository(repo_id).result()
        forecasts = {file.filename: forecast_of(garden, repository, file) for file in repository.files}
        rated = tuple(
            (file, forecast) for file in repository.files if (forecast := forecasts[file.filename]) is not None
        )
        best = garden.fit.recommend(rated)
    if as_json:
        print_json([_file_document(file, forecasts[file.filename]) for file in repository.files])
        return
    if not repository.files:
        raise NotFoundError(f"{repo_id} has no GGUF files.", "Search for a GGUF version of it.")
    rows = []
    for file in repository.files:
        forecast = forecasts[file.filename]
        note = "recommended" if file is best else ("" if file.kind == "model" else file.kind)
        memory = format_bytes(forecast.need_bytes) if forecast and forecast.need_bytes else "–"
        rows.append(
            (
                file.quant_type or file.filename,
                format_bytes(file.size_bytes),
                memory,
                verdict_word(forecast) if forecast else "–",
                note,
            )
        )
    print_table(("Type", "Size", "Need", "Verdict", ""), rows, right=(1, 2))


def forecast_of(garden: Garden, repository: Repository, file: RepositoryFile) -> FitForecast | None:
    """Forecast of a file on the Hub from its header; None for what is no model or cannot be read."""
    if file.kind != "model":
        return None
    try:
        header = garden.fit.remote_header(repository, file).result()
    except GardenError:
        return None
    return garden.fit.decided(header, garden.fit.default_load(header))


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


@click.command(
    help="Fetch TARGET (owner/repo:QUANT, owner/repo/file.gguf, a Hub address, or starter). Run again to resume."
)
@click.argument("target")
@click.option("--revision", help="Branch, tag or commit.")
@json_option
def download(target: str, revision: str | None, as_json: bool) -> None:
    """Download, resuming and verifying."""
    try:
        with opened() as garden:
            handle = (
                garden.library.fetch_starter()
                if target == STARTER
                else garden.library.download_target(_hub_target(target), revision)
            )
            entry = wait(handle, garden, as_json=as_json, what=target)
    except GardenError as error:
        if as_json:
            print_event("failed", error=error.sentence, action=error.action)
        raise
    ref = entry.ref
    if as_json:
        print_event("succeeded", path=ref.path, sha256=ref.sha256, size_bytes=ref.size_bytes)
    else:
        click.echo(f"{ref.name} {ref.quant_type or ''} is here and matches its hash: {ref.path}")


def _hub_target(text: str) -> HubTarget:
    target = parse_hub_target(text)
    if target is None:
        raise click.UsageError(f"“{text}” is neither owner/repo:QUANT nor owner/repo/file.gguf.")
    return target
