"""``garden download``."""

from __future__ import annotations

from typing import Any

import click

from garden.cli.output import json_option, opened, print_event, wait
from garden.core.errors import CancelledByUser, GardenError
from garden.services.garden import Garden
from garden.services.settings import MIN_BANDWIDTH
from garden.services.target import STARTER, HubTarget, parse_hub_target

_GO_ON = (
    "What came is kept. Run the same command again to go on, or `garden library remove --unfinished` to clear it away."
)


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
                else garden.library.download_target(_hub_target(garden, target), revision, projector=projector)
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


def _hub_target(garden: Garden, text: str) -> HubTarget:
    target = parse_hub_target(text, garden.settings.endpoint)
    if target is None:
        raise click.UsageError(f"“{text}” is neither owner/repo:QUANT nor owner/repo/file.gguf.")
    return target
