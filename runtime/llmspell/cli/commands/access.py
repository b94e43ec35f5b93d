"""``llmspell access``: who may do what, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command, Group, Lazy
from llmspell.cli.options import Settings, duration, json_option, state_options
from llmspell.cli.store_access import open_state

if TYPE_CHECKING:
    from llmspell.security.access import Decision, Grant

__all__ = ["access", "explain", "grant", "list_", "revoke"]

_HERE = "llmspell.cli.commands.access"


@click.group(
    cls=Group,
    name="access",
    no_args_is_help=True,
    lazy={
        "grant": Lazy(f"{_HERE}:grant", "Permit an actor or a role something."),
        "revoke": Lazy(f"{_HERE}:revoke", "Take grants away."),
        "list": Lazy(f"{_HERE}:list_", "List the grants."),
        "explain": Lazy(f"{_HERE}:explain", "Tell whether an actor may do something, and why."),
    },
    examples=(
        "llmspell access grant agent:gpt-4 read 'user:*'",
        "llmspell access list",
        "llmspell access explain agent:gpt-4 write global",
    ),
)
@state_options
def access(_settings: Settings) -> None:
    """Show and change who may do what in which scope.

    Whoever is at the command line is the operator and needs no grant for it; with --actor he acts
    as somebody, who manages what he administers.
    """


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
    "--for", "for_s", callback=duration, metavar="TIME", help="Let it end after this (30d, 12h)."
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

        print_json({"ok": True, "grant": _told(made)})
        return 0
    click.echo(made.id)
    _note_if_off(settings)
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


@click.command(
    cls=Command,
    name="list",
    examples=("llmspell access list", "llmspell access list agent:gpt-4 --json"),
)
@click.argument("actor", required=False)
@json_option
@state_options
def list_(settings: Settings, actor: str | None, as_json: bool) -> int:
    """List all grants, or those that ACTOR has by name or role; configured ones come first."""
    with open_state(settings) as state:
        found = state.list_grants(actor)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "grants": [_told(each) for each in found]})
        return 0
    from llmspell.cli.table import Columns

    table = Columns("id", "holder", "permission", "scope", "until", "by", "conditions")
    for line in table.lay_out([_row(each) for each in found]):
        click.echo(line)
    _note_if_off(settings)
    return 0


@click.command(
    cls=Command,
    examples=(
        "llmspell access explain agent:gpt-4 write global",
        "llmspell access explain boss admin '*'",
        "llmspell access explain tool:search read global --address 10.1.2.3 --json",
    ),
)
@click.argument("actor")
@click.argument("permission")
@click.argument("scope")
@click.option("--address", metavar="IP", help="As if the request came from there.")
@json_option
@state_options
def explain(
    settings: Settings,
    actor: str,
    permission: str,
    scope: str,
    address: str | None,
    as_json: bool,
) -> int:
    """Tell whether ACTOR may do that in SCOPE now, and what each of his grants says to it.

    SCOPE * is the store as a whole. What depends on the value is taken to hold. The exit code is 0
    whatever the answer.
    """
    with open_state(settings) as state:
        decision = state.explain(actor, permission, scope, address=address)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "decision": _decision(decision)})
        return 0
    click.echo(_sentence(decision))
    from llmspell.cli.table import Columns

    rows = [
        (each.grant.id, each.grant.permission.text, each.grant.scope, each.reason or "permits it")
        for each in decision.considered
    ]
    for line in Columns("grant", "permission", "scope", "answer").lay_out(rows):
        click.echo(line)
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


def _told(grant: Grant) -> dict[str, Any]:
    return {"id": grant.id, **grant.told()}


def _row(grant: Grant) -> list[str]:
    told = grant.told()
    conditions = (f"{each.kind}={_short(each.told())}" for each in grant.conditions)
    return [
        grant.id,
        grant.actor or f"role {grant.role}",
        grant.permission.text,
        grant.scope,
        told.get("until", "-"),
        grant.granted_by or "-",
        " ".join(conditions),
    ]


def _short(told: Any) -> str:
    if isinstance(told, dict):
        return ",".join(f"{name}:{_short(value)}" for name, value in told.items())
    return ",".join(told) if isinstance(told, list) else str(told).lower()


def _sentence(decision: Decision) -> str:
    from llmspell.security.access.refusal import in_words

    may = "may" if decision.allowed else "may not"
    text = f"actor {decision.actor!r} {may} {in_words(decision.permission, decision.scope)}"
    if decision.owns:
        text += "; it is his own scope"
    if decision.roles:
        text += f"; his roles: {', '.join(decision.roles)}"
    if decision.allowed:
        return text
    return f"{text}: no grant that holds now gives {decision.missing}"


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "allowed": decision.allowed,
        "actor": decision.actor,
        "permission": decision.permission,
        "scope": decision.scope,
        "missing": decision.missing or None,
        "owns": decision.owns,
        "roles": list(decision.roles),
        "by": list(decision.by),
        "grants": [
            {"id": each.grant.id, "permits": not each.reason, "reason": each.reason or None}
            for each in decision.considered
        ],
    }


def _note_if_off(settings: Settings) -> None:
    config = settings.load_if_given()
    if config is None or not config.state.security.access_control_enabled:
        from llmspell.cli.report import print_note

        print_note(
            "note",
            "access control is off, so everybody may do everything; to switch it on:"
            " state.security.access_control_enabled = true",
        )
