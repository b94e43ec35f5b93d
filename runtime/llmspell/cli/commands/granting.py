"""``llmspell access grant`` and ``revoke``: permitting, and taking it back."""

from __future__ import annotations

from typing import Any

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.access import grant_data, note_if_off
from llmspell.cli.options import Settings, age, json_option, state_options
from llmspell.cli.store_access import open_state

__all__ = ["grant", "revoke"]


def _conditions(
    _ctx: click.Context, _param: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    """Return what ``--when`` said as the condition ``time``."""
    told = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in ("daily", "days", "from", "until"):
            raise click.BadParameter(
                f"{pair!r}: write daily=09:00-17:00, days=mon-fri, from=TIME or until=TIME"
            )
        told[name] = value
    return told


@click.command(
    cls=Command,
    examples=(
        "llmspell access grant agent:gpt-4 read 'user:*'",
        "llmspell access grant agent:gpt-4 read_write,delete 'session:*' --for 30d",
        "llmspell access grant editor read_write 'docs:*' --role --when daily=09:00-17:00",
        "llmspell access grant tool:search read global --address 10.0.0.0/8 --rate 10/60s",
    ),
)
@click.argument("actor")
@click.argument("permission")
@click.argument("scope")
@click.option("--role", "is_role", is_flag=True, help="ACTOR is the name of a role.")
@click.option("--until", metavar="TIME", help="Let it end then (2027-01-31T18:00:00Z; UTC).")
@click.option(
    "--for", "for_s", callback=age, metavar="TIME", help="Let it end after this (30d, 12h)."
)
@click.option(
    "--when",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_conditions,
    help="Only then (UTC): daily=22:00-06:00, days=mon-fri, from=TIME, until=TIME.",
)
@click.option("--address", multiple=True, metavar="CIDR", help="Only from this network.")
@click.option("--rate", metavar="N/TIME", help="So many requests at most: 10/60s, 100/1h.")
@click.option("--max-bytes", type=click.IntRange(min=1), metavar="N", help="Only values this big.")
@click.option("--require-encryption", is_flag=True, help="Only values stored encrypted.")
@click.option("--require-audit", is_flag=True, help="Only while the audit log is on.")
@click.option("--condition", metavar="NAME", help="Only if the program's function NAME says so.")
@click.option("--by", metavar="NAME", help="Who grants it, for the record.")
@json_option
@state_options
def grant(
    settings: Settings,
    actor: str,
    permission: str,
    scope: str,
    is_role: bool,
    until: str | None,
    for_s: float | None,
    by: str | None,
    as_json: bool,
    **conditions: Any,
) -> int:
    """Permit ACTOR the PERMISSION in SCOPE, and print the grant's id.

    PERMISSION is read, write, delete, read_write or admin; several have commas between them. In
    SCOPE a * stands for any text and {actor} for the actor's name. It counts in running programs
    within a second.
    """
    if until is not None and for_s is not None:
        raise click.UsageError("give either --until or --for")
    with open_state(settings) as state:
        made = state.grant(
            None if is_role else actor,
            permission,
            scope,
            role=actor if is_role else None,
            until=until if for_s is None else _after(for_s),
            granted_by=by,
            conditions=_wanted(**conditions),
        )
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "grant": grant_data(made)})
        return 0
    click.echo(made.id)
    note_if_off(settings)
    return 0


@click.command(
    cls=Command,
    examples=("llmspell access revoke g3", "llmspell access revoke --all-of agent:gpt-4"),
)
@click.argument("grants", metavar="[ID]...", nargs=-1)
@click.option("--all-of", metavar="ACTOR", help="All stored grants of this actor.")
@json_option
@state_options
def revoke(settings: Settings, grants: tuple[str, ...], all_of: str | None, as_json: bool) -> int:
    """Take stored grants away; an id that there is none of ends with exit code 1.

    Grants of the configuration are taken away there.
    """
    if bool(grants) == (all_of is not None):
        raise click.UsageError("give either IDs or --all-of ACTOR")
    with open_state(settings) as state:
        if all_of is not None:
            of_actor = state.list_grants(all_of)
            grants = tuple(
                each.id for each in of_actor if each.actor == all_of and each.granted_at is not None
            )
        revoked = [each for each in grants if state.revoke(each)]
    missing = [each for each in grants if each not in revoked]
    if missing:
        from llmspell.cli.failures import NoSuchEntry

        raise NoSuchEntry(f"there is no grant {missing[0]!r}", hint="llmspell access list")
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "revoked": revoked})
    else:
        from llmspell.cli.table import counted

        click.echo(f"revoked {counted(len(revoked), 'grant')}", err=True)
    return 0


def _wanted(
    when: dict[str, str],
    address: tuple[str, ...],
    rate: str | None,
    max_bytes: int | None,
    require_encryption: bool,
    require_audit: bool,
    condition: str | None,
) -> dict[str, Any]:
    """Return what the options say as conditions."""
    told: dict[str, Any] = {
        "time": when,
        "address": list(address),
        "rate": rate,
        "size": max_bytes,
        "encryption": require_encryption,
        "audit": require_audit,
        "custom": condition,
    }
    return {kind: spec for kind, spec in told.items() if spec not in (None, False, {}, [])}


def _after(seconds: float) -> Any:
    import datetime as dt

    try:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    except OverflowError:
        raise click.UsageError(
            "--for is too long: leave it out for a grant without an end"
        ) from None
