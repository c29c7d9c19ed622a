"""``garden hub``: who is signed in, and which Hub is asked."""

from __future__ import annotations

import dataclasses
import sys

import click

from garden.cli.output import json_option, opened, print_json, print_table, printable
from garden.core.account import Account
from garden.core.errors import GardenError, RefusedError, UnauthorizedError
from garden.services.garden import Garden


@click.group(invoke_without_command=True, help="Who is signed in at the Hub, and which Hub is asked.")
@json_option
@click.pass_context
def hub(context: click.Context, as_json: bool) -> None:
    """Show both, unless a subcommand is named."""
    if context.invoked_subcommand is None:
        _show(as_json)


@hub.command(help="Whose token is in use.")
@json_option
def whoami(as_json: bool) -> None:
    """Show the account."""
    with opened(notes_optional=True) as garden:
        account = garden.catalog.account.current().result()
    if as_json:
        print_json(dataclasses.asdict(account))
    else:
        click.echo(_sentence(account))


@hub.command(help="Sign in with a token: it is asked for, or read from standard input where that is no terminal.")
@click.option("--unchecked", is_flag=True, help="Keep it without asking the Hub whose it is.")
def login(unchecked: bool) -> None:
    """Keep a token; it is never an argument, which every user of the machine could read."""
    with opened(notes_optional=True) as garden:
        token = (
            click.prompt("Token (it does not show)", hide_input=True, err=True)
            if sys.stdin.isatty()
            else sys.stdin.readline(8192)
        )
        account = garden.catalog.account.sign_in(token, unchecked=unchecked).result()
        place = garden.settings.token_place()
        click.echo(_sentence(account) if account is not None else "The token is kept unchecked.")
        if place == "session":
            raise UnauthorizedError(
                "This system has no keychain, so the token is gone when this command ends.",
                "Sign in where there is a keychain, or in Garden's window until it closes.",
            )


@hub.command(help="Forget the token.")
def logout() -> None:
    """Forget it."""
    with opened(notes_optional=True) as garden:
        garden.catalog.account.sign_out()
    click.echo("Signed out.")


@hub.command("list", help="Hubs that are known.")
@json_option
def list_(as_json: bool) -> None:
    """List them."""
    with opened(notes_optional=True) as garden:
        known, in_use = garden.settings.endpoints.all(), garden.settings.endpoint
    if as_json:
        print_json([{**dataclasses.asdict(each), "in_use": each.address == in_use} for each in known])
        return
    rows = [("→" if each.address == in_use else "", each.name, each.address) for each in known]
    if all(each.address != in_use for each in known):
        rows.append(("→", "–", in_use))
    print_table(("", "Name", "Address"), rows)


@hub.command(help="Keep a Hub under a name.")
@click.argument("name")
@click.argument("address")
def add(name: str, address: str) -> None:
    """Keep it."""
    with opened(notes_optional=True) as garden:
        added = garden.settings.endpoints.add(name, address)
    click.echo(printable(f"{added.name}: {added.address}"))


@hub.command(help="Ask this Hub from now on (a name or an address).")
@click.argument("name")
def use(name: str) -> None:
    """Use it."""
    with opened(notes_optional=True) as garden:
        used = garden.settings.endpoints.use(name)
    click.echo(printable(f"Asked from now on: {used.address}"))


@hub.command(help="Forget a Hub that was kept.")
@click.argument("name")
def forget(name: str) -> None:
    """Forget it."""
    with opened(notes_optional=True) as garden:
        garden.settings.endpoints.forget(name)


@hub.command(help="Open no connection from now on; what was seen before can still be browsed.")
def offline() -> None:
    """Go offline."""
    _switch(True)


@hub.command(help="Open connections again.")
def online() -> None:
    """Go online."""
    _switch(False)


def _switch(offline: bool) -> None:
    with opened(notes_optional=True) as garden:
        garden.settings.change(offline=offline)
        still, way = garden.settings.offline, garden.settings.way_online
    if still and not offline:
        raise RefusedError("Garden still works offline.", way)
    click.echo("Works offline from now on." if offline else "Works online again.")


def _show(as_json: bool) -> None:
    with opened(notes_optional=True) as garden:
        endpoint, status = garden.settings.endpoint, garden.settings.token_status()
        is_offline = garden.settings.offline
        account = None if is_offline else _account(garden)
    if as_json:
        print_json({"endpoint": endpoint, "account": None if account is None else dataclasses.asdict(account)})
        return
    click.echo(printable(f"{endpoint}{', offline' if is_offline else ''}"))
    if account is not None:
        click.echo(_sentence(account))
    click.echo(printable(status))


def _account(garden: Garden) -> Account | None:
    """Who is signed in; None for nobody, and where the Hub does not say."""
    if not garden.settings.signed_in:
        return None
    try:
        return garden.catalog.account.current().result()
    except GardenError as error:
        click.echo(printable(f"{error.sentence} {error.action}".strip()), err=True)
        return None


def _sentence(account: Account) -> str:
    role = f" ({account.role} token)" if account.role else ""
    organisations = f", of {', '.join(account.organisations)}" if account.organisations else ""
    return printable(f"Signed in as {account.name}{organisations}{role}.")
