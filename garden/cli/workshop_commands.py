"""``garden quantize`` and ``garden quality``."""

from __future__ import annotations

from pathlib import Path

import click

from garden.cli.output import json_option, opened, print_event, print_json, print_table, wait
from garden.cli.targets import about, usable_model
from garden.core.errors import GardenError, RefusedError
from garden.core.library_entry import LibraryEntry
from garden.core.paths import user_path
from garden.core.quantity import format_bytes, format_duration
from garden.core.receipt import QualityReport, QuantizationForecast, QuantizationReceipt
from garden.quantization.fallback_text import fallback_sentence
from garden.quantization.offered_types import OFFERED_TYPES, check_type
from garden.quantization.own_runs import NOT_MEASURED, ExpectedRun, expected_run
from garden.quantization.plan import FULL_PRECISION, check_free, destination_name
from garden.services.garden import Garden


@click.command(
    help="Make smaller versions of TARGET, one per TYPE. Types: " + ", ".join(OFFERED_TYPES) + ".",
    short_help="Make smaller versions of a model.",
)
@click.argument("target")
@click.argument("types", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder, or a file for one type.")
@click.option("--allow-requantize", is_flag=True, help="Accept a loss on top of the one that TARGET already has.")
@click.option("--force", is_flag=True, help="Replace files of the same name that Garden made.")
@click.option("--dry-run", is_flag=True, help="Say what would be made, to the byte; write nothing.")
@json_option
def quantize(
    target: str,
    types: tuple[str, ...],
    output: Path | None,
    allow_requantize: bool,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Quantize."""
    wanted = [check_type(name) for name in types]
    if output is not None and output.suffix == ".gguf" and len(wanted) > 1:
        raise click.UsageError("One file cannot hold several types; name a folder.")
    try:
        _check_output(output)
        with opened() as garden:
            source = usable_model(garden, target)
            garden.workshop.check(source, allow_requantize=allow_requantize or dry_run)
            if dry_run:
                forecasts = garden.workshop.forecast(source, wanted).result()
                _show_forecasts(source, forecasts, garden.workshop.receipts(), as_json)
                return
            destinations = {name: _destination(garden, source, name, output) for name in wanted}
            if not force:
                for destination in destinations.values():
                    check_free(destination)
            for name, destination in destinations.items():
                with about(name):
                    handle = garden.workshop.quantize(
                        source, name, destination=destination, allow_requantize=allow_requantize, replace=force
                    )
                    receipt = wait(handle, garden, as_json=as_json, what=f"{source.ref.name} {name}")
                _show_receipt(receipt, as_json)
    except GardenError as error:
        if as_json:
            print_event("failed", error=error.sentence, action=error.action)
        raise


def _destination(garden: Garden, source: LibraryEntry, quant_type: str, output: Path | None) -> Path:
    if output is None:
        return garden.workshop.destination(source, quant_type)
    return user_path(output if output.suffix == ".gguf" else output / destination_name(source.ref, quant_type))


def _check_output(output: Path | None) -> None:
    """Refuse a place that cannot be a folder before anything is read."""
    if output is None:
        return
    folder = output.parent if output.suffix == ".gguf" else output
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if there.is_file():
        raise RefusedError(f"“{there}” is a file, not a folder.", "Name a folder, or a file that ends in .gguf.")


def _time(run: ExpectedRun | None) -> str:
    return NOT_MEASURED if run is None else f"about {format_duration(run.seconds)}"


def _show_forecasts(
    source: LibraryEntry,
    forecasts: tuple[QuantizationForecast, ...],
    receipts: tuple[QuantizationReceipt, ...],
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            [
                {
                    "quant_type": forecast.quant_type,
                    "path": None,
                    "size_bytes": forecast.size_bytes,
                    "bits_per_weight": forecast.bits_per_weight,
                    "seconds": None,
                    "peak_memory_bytes": None,
                    "sha256": None,
                    "source_sha256": None,
                    "tensors": forecast.tensors,
                    "fallbacks": forecast.fallbacks,
                }
                for forecast in forecasts
            ]
        )
        return
    rows = [
        (
            forecast.quant_type,
            f"{forecast.size_bytes:,}",
            f"{forecast.bits_per_weight:.2f}",
            _time(expected_run(receipts, source.ref.path, forecast.quant_type)),
            fallback_sentence(forecast.fallbacks),
        )
        for forecast in forecasts
    ]
    print_table(("Type", "Bytes", "Bits per weight", "Time", ""), rows, right=(1, 2, 3))


def _show_receipt(receipt: QuantizationReceipt, as_json: bool) -> None:
    if as_json:
        print_event("succeeded", **receipt_document(receipt))
        return
    click.echo(
        f"{receipt.quant_type}: {receipt.size_bytes:,} bytes ({format_bytes(receipt.size_bytes)}), "
        f"{receipt.bits_per_weight:.2f} bits per weight, {format_duration(receipt.seconds)}, "
        f"peak {format_bytes(receipt.peak_memory_bytes)}\n  {receipt.path}"
    )
    if receipt.fallbacks:
        click.echo(f"  {fallback_sentence(receipt.fallbacks)}")


def receipt_document(receipt: QuantizationReceipt) -> dict[str, object]:
    """A receipt as JSON."""
    return {
        "quant_type": receipt.quant_type,
        "path": receipt.path,
        "size_bytes": receipt.size_bytes,
        "bits_per_weight": receipt.bits_per_weight,
        "seconds": receipt.seconds,
        "peak_memory_bytes": receipt.peak_memory_bytes,
        "sha256": receipt.sha256,
        "source_sha256": receipt.source_sha256,
        "tensors": receipt.tensors,
        "fallbacks": receipt.fallbacks,
    }


_TEXT = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(help="How far QUANTs are from BASE: KL divergence of their next-token distributions on a text.")
@click.argument("base")
@click.argument("quants", nargs=-1, required=True)
@click.option(
    "--text", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="UTF-8 text; Garden's own by default."
)
@click.option("--windows", type=click.IntRange(1, 1000), default=8, show_default=True, help="Windows of 512 tokens.")
@json_option
def quality(base: str, quants: tuple[str, ...], text: Path | None, windows: int, as_json: bool) -> None:
    """Measure."""
    with opened() as garden:
        base_entry = usable_model(garden, base)
        entries = [usable_model(garden, quant) for quant in quants]
        handle = garden.workshop.quality(base_entry, entries, text=text, windows=windows)
        reports = wait(handle, garden, as_json=False, what="Measuring the loss")
    if as_json:
        print_json([quality_document(report) for report in reports])
        return
    rows = [
        (
            report.model,
            f"{report.kld_mean:.4f} ± {report.kld_standard_error:.4f}",
            f"{report.kld_p99:.3f}",
            f"{report.same_top:.1%}".replace("%", " %"),
            f"{report.perplexity:.2f}",
        )
        for report in reports
    ]
    print_table(("Model", "KL divergence", "99th percentile", "Same top token", "Perplexity"), rows, right=(1, 2, 3, 4))
    click.echo(_basis(base_entry, reports[0]))


def _basis(base: LibraryEntry, report: QualityReport) -> str:
    """What the figures were measured against, and on what; they hold for nothing else."""
    told = f"Measured here against {report.base}, {report.tokens_scored:,} positions of “{report.text}”."
    base_type = (base.ref.quant_type or "").upper()
    if base_type and base_type not in FULL_PRECISION:
        told += f" {base_type} has a loss of its own, which comes on top."
    return told


def quality_document(report: QualityReport) -> dict[str, object]:
    """A report as JSON."""
    return {
        "model": report.model,
        "kld_mean": report.kld_mean,
        "kld_standard_error": report.kld_standard_error,
        "kld_p99": report.kld_p99,
        "same_top": report.same_top,
        "perplexity": report.perplexity,
        "perplexity_ratio_log": report.perplexity_ratio_log,
    }
