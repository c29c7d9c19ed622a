"""``garden search``."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from garden.cli.output import json_option, opened, print_json, print_table, printable, verdict_word
from garden.core.catalog import LANGUAGES
from garden.core.errors import RefusedError
from garden.core.licence import LicenceClass
from garden.core.model_query import SORTS, ModelQuery
from garden.core.model_traits import ArchitectureKind
from garden.core.quantity import (
    format_age,
    format_count,
    format_model_size,
    format_parameters,
    format_rate,
    format_tokens,
)
from garden.core.run_configuration import DEFAULT_CONTEXT_LENGTH
from garden.core.saved_search import SavedSearch
from garden.gguf.quant_name import quant_type_named
from garden.services.browse import passing
from garden.services.rated_model import RatedModel

_KIND_WORDS = {
    ArchitectureKind.DENSE: "dense",
    ArchitectureKind.MOE: "MoE",
    ArchitectureKind.RECURRENT: "recurrent",
    ArchitectureKind.HYBRID: "hybrid",
}
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


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


class Age(click.ParamType[int]):
    """Days: ``30``, ``30d``, ``6w``, ``3m``, ``1y``."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        text = str(value).strip().lower()
        unit = _DAYS.get(text[-1:])
        number = text[:-1] if unit else text
        if not number.isdecimal() or not number.isascii() or not 0 < int(number[:6]) <= 36_500:
            self.fail(f"“{value}” is no age; write 30d, 6w, 3m or 1y.", param, ctx)
        return int(number[:6]) * (unit or 1)


@click.command(
    help="Search the Hub for GGUF models. QUERY is free text; empty lists what is popular. Models that run here come "
    "first. Filters combine; for those that the Hub lacks, up to ten of its pages are looked through."
)
@click.argument("query", default="")
@click.option("--fits", is_flag=True, help="Only models that run here.")
@click.option("--task", help="The Hub's task, e.g. text-generation.")
@click.option("--license", "license_", help=f"Licence id, e.g. apache-2.0, or one of: {', '.join(LicenceClass)}.")
@click.option("--author", help="User or organisation.")
@click.option("--min-params", type=ParameterCount(), help="Parameters at least: 1B, 500M, or a number.")
@click.option("--max-params", type=ParameterCount(), help="Parameters at most: 8B, 500M, or a number.")
@click.option("--kind", type=click.Choice([kind.value for kind in ArchitectureKind]), help="What the layers are.")
@click.option("--quant", help="Type that a file must have, e.g. Q4_K_M.")
@click.option("--language", help="Language that the card names, e.g. de.")
@click.option("--gated", type=click.Choice(["yes", "no"]), help="Whether the publisher asks for consent first.")
@click.option("--mine", is_flag=True, help="Only what the signed-in account and its organisations own, private too.")
@click.option("--updated", type=Age(), help="Changed within 30d, 6w, 3m, 1y.")
@click.option("--any-format", is_flag=True, help="Also repositories without GGUF files.")
@click.option("--sort", type=click.Choice([sort.replace("_", "-") for sort in SORTS]), help="[default: trending]")
@click.option("--hub-order", is_flag=True, help="Do not put models first that run here.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@click.option("--save", metavar="NAME", help="Keep this search under a name.")
@click.option("--saved", metavar="NAME", help="Search as it was kept; other options change it.")
@click.option("--forget", metavar="NAME", help="Forget a search that was kept; nothing is searched.")
@click.option("--list-saved", is_flag=True, help="List searches that were kept; nothing is searched.")
@json_option
def search(
    query: str,
    limit: int,
    save: str | None,
    saved: str | None,
    forget: str | None,
    list_saved: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Search."""
    changes = _changes(query, **options)
    with opened(notes_optional=True) as garden:
        if forget is not None:
            garden.saved_searches.delete(forget)
            click.echo(f"Forgot “{printable(forget)}”.", err=True)
            if not list_saved:
                return
        if list_saved:
            _show_saved(garden.saved_searches.all(), as_json)
            return
        base = ModelQuery() if saved is None else garden.saved_searches.named(saved).query
        question = dataclasses.replace(base, **changes)
        low, high = question.min_parameters, question.max_parameters
        if low is not None and high is not None and low > high:
            raise click.UsageError(
                f"No model has at least {format_parameters(low)} and at most {format_parameters(high)} parameters."
            )
        if save is not None:
            kept = garden.saved_searches.save(save, question)
            click.echo(f"Kept as “{kept.name}”: garden search --saved {_quoted(kept.name)}", err=True)
        garden.machine.read()
        page = garden.browse.search(question, wanted=limit).result()
        settings = garden.settings.current
    rows = passing(question, page.rows)
    more = page.cursor is not None or len(rows) > limit
    rows = rows[:limit]
    if as_json:
        print_json([_document(row) for row in rows])
        return
    if rows:
        _show(rows)
        context = format_tokens(settings.context_length or DEFAULT_CONTEXT_LENGTH)
        click.echo(f"With {context} of context and a cache of type {settings.kv_type}.", err=True)
    else:
        click.echo("No model matches. Try fewer words or filters.")
    counts = [f"{len(rows)} shown"]
    if question.is_filtered_here:
        counts.append(f"{len(page.rows)} looked through")
    if page.from_index:
        click.echo(f"Offline: {', '.join(counts)}, of what was seen before.", err=True)
    elif more or question.is_filtered_here:
        click.echo(f"{', '.join(counts)}{'; the Hub has more' if more else ''}.", err=True)


def _changes(
    query: str,
    *,
    fits: bool,
    task: str | None,
    license_: str | None,
    author: str | None,
    min_params: int | None,
    max_params: int | None,
    kind: str | None,
    quant: str | None,
    language: str | None,
    gated: str | None,
    mine: bool,
    updated: int | None,
    any_format: bool,
    sort: str | None,
    hub_order: bool,
) -> dict[str, Any]:
    """Fields of the query that the user named."""
    named: dict[str, Any] = {
        "text": query or None,
        "runs_here": fits or None,
        "task": task,
        "author": author,
        "min_parameters": min_params,
        "max_parameters": max_params,
        "kind": ArchitectureKind(kind) if kind else None,
        "quant_type": _quant(quant) if quant else None,
        "language": _language(language) if language else None,
        "gated": None if gated is None else gated == "yes",
        "mine": mine or None,
        "updated_days": updated,
        "sort": sort.replace("-", "_") if sort else None,
    }
    changes = {name: value for name, value in named.items() if value is not None}
    if license_ is not None:
        is_class = license_.lower() in list(LicenceClass)
        # Either takes the place of the other in a search that was kept.
        changes["license_class"] = LicenceClass(license_.lower()) if is_class else None
        changes["license"] = None if is_class else license_
    if any_format:
        changes["gguf_only"] = False
    if hub_order:
        changes["runnable_first"] = False
    return changes


def _quant(text: str) -> str:
    found = quant_type_named(text)
    if found is None:
        raise RefusedError(f"“{printable(text)[:40]}” is no type of a GGUF file.", "Write one like Q4_K_M.")
    return found.name


def _language(text: str) -> str:
    wanted = text.strip().lower()
    code = next((code for code, name in LANGUAGES.items() if wanted in (code, name.lower())), None)
    if code is None:
        raise RefusedError(
            f"“{printable(text)[:40]}” is no language that models are tagged with.", "Write one like de."
        )
    return code


def _document(row: RatedModel) -> dict[str, object]:
    summary = row.summary
    return {
        "repo_id": summary.repo_id,
        "downloads": summary.downloads,
        "likes": summary.likes,
        "license": summary.license,
        "pipeline_tag": summary.pipeline_tag,
        "parameters": summary.parameters,
        "gated": summary.gated,
        "base_models": list(summary.base_models),
        "verdict": row.forecast.verdict.value,
    }


def _show(rows: list[RatedModel]) -> None:
    print_table(
        ("Model", "Parameters", "Kind", "Verdict", "Takes", "tok/s", "Licence", "Downloads", "Likes", "Age"),
        [
            (
                f"{row.summary.repo_id} (private)" if row.summary.private else row.summary.repo_id,
                format_model_size(row.summary.parameters, row.traits.active_parameters) or "–",
                _KIND_WORDS[row.traits.kind] if row.traits.kind else "–",
                verdict_word(row.forecast),
                row.forecast.quant_type or "–",
                f"≈ {format_rate(speed)}" if (speed := row.forecast.decode_tokens_per_second) is not None else "–",
                row.summary.license or "–",
                format_count(row.summary.downloads) if row.summary.downloads is not None else "–",
                format_count(row.summary.likes) if row.summary.likes is not None else "–",
                format_age(row.traits.updated_at) if row.traits.updated_at is not None else "–",
            )
            for row in rows
        ],
        right=(1, 5, 7, 8),
    )


def _show_saved(searches: tuple[SavedSearch, ...], as_json: bool) -> None:
    if as_json:
        print_json([{"name": each.name, "filters": each.filters} for each in searches])
        return
    if not searches:
        click.echo("No search is kept. Keep one: garden search … --save NAME")
        return
    rows = [(each.name, ", ".join(f"{key}={value}" for key, value in each.filters.items())) for each in searches]
    print_table(("Name", "Search"), rows)


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
