"""``garden files`` and ``garden download``."""

from __future__ import annotations

from typing import Any

import click

from garden.cli.output import json_option, opened, print_event, print_json, print_table, verdict_word, wait
from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import CancelledByUser, GardenError, NotFoundError
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.quantity import format_bytes
from garden.hub.address import parse_repo_id
from garden.services.files_beside import files_beside
from garden.services.garden import Garden
from garden.services.settings import MIN_BANDWIDTH
from garden.services.target import STARTER, HubTarget, parse_hub_target

_GO_ON = (
    "What came is kept. Run the same command again to go on, or `garden library remove --unfinished` to clear it away."
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
    for left in (beside for beside in files_beside(repository) if beside.size_bytes is None):
        click.echo(f"{left.title}: {left.note[:1].lower()}{left.note[1:]}")


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


class Rate(click.ParamType[int]):
    """Bytes per second: ``500K``, ``2M``, ``1.5MiB``, ``1G``, or a number; ``K`` is 1,024."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        text = str(value).strip().upper().removesuffix("/S").removesuffix("IB").removesuffix("B")
        unit = {"K": 1024, "M": 1024**2, "G": 1024**3}.get(text[-1:])
        try:
            rate = float(text[:-1] if unit else text) * (unit or 1)
        except ValueError:
            self.fail(f"“{value}” is no rate; write 500K or 2M.", param, ctx)
        if not MIN_BANDWIDTH <= rate <= 2**40:
            self.fail("downloads can be held to 64K per second or more.", param, ctx)
        return round(rate)


@click.command(
    help="Fetch TARGET (owner/repo:QUANT, owner/repo/file.gguf, a Hub address, or starter), with its vision projector "
    "where it has one. Ctrl+C keeps what came; run again to resume."
)
@click.argument("target")
@click.option("--revision", help="Branch, tag or commit.")
@click.option("--limit-rate", type=Rate(), help="At most so many bytes per second: 500K, 2M.")
@click.option("--projector/--no-projector", default=True, help="Fetch the vision projector too, as one item.")
@json_option
def download(target: str, revision: str | None, limit_rate: int | None, projector: bool, as_json: bool) -> None:
    """Download, resuming and verifying."""
    try:
        with opened() as garden:
            if limit_rate is not None:
                garden.library.limit_rate(limit_rate)
            handle = (
                garden.library.fetch_starter()
                if target == STARTER
                else garden.library.download_target(_hub_target(target), revision, projector=projector)
            )
            entry = wait(handle, garden, as_json=as_json, what=target)
    except CancelledByUser as error:
        if as_json:
            print_event("failed", error=error.sentence, action=_GO_ON)
        else:
            click.echo(_GO_ON, err=True)
        raise
    except GardenError as error:
        if as_json:
            print_event("failed", error=error.sentence, action=error.action)
        raise
    ref = entry.ref
    if as_json:
        beside = {"projector": entry.projector} if entry.projector else {}
        print_event("succeeded", path=ref.path, sha256=ref.sha256, size_bytes=ref.size_bytes, **beside)
    else:
        seeing = " with its vision projector" if entry.projector else ""
        click.echo(f"{ref.name} {ref.quant_type or ''}{seeing} is here and matches its hash: {ref.path}")


def _hub_target(text: str) -> HubTarget:
    target = parse_hub_target(text)
    if target is None:
        raise click.UsageError(f"“{text}” is neither owner/repo:QUANT nor owner/repo/file.gguf.")
    return target
