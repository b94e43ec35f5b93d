"""``llmspell access``: who may do what, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command, Group, Lazy
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.store_access import read_state

if TYPE_CHECKING:
    from llmspell.security.access import Decision, Grant

__all__ = ["access", "explain", "grant_data", "list_", "note_if_off"]

_HERE = "llmspell.cli.commands.access"


@click.group(
    cls=Group,
    name="access",
    no_args_is_help=True,
    lazy={
        "grant": Lazy(
            "llmspell.cli.commands.granting:grant", "Permit an actor or a role something."
        ),
        "revoke": Lazy("llmspell.cli.commands.granting:revoke", "Take grants away."),
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
    with read_state(settings) as state:
        found = state.list_grants(actor)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "grants": [grant_data(each) for each in found]})
        return 0
    from llmspell.cli.table import Columns

    table = Columns("id", "holder", "permission", "scope", "until", "by", "conditions")
    for line in table.lay_out([_row(each) for each in found]):
        click.echo(line)
    note_if_off(settings)
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
    with read_state(settings) as state:
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


def grant_data(grant: Grant) -> dict[str, Any]:
    """Return a grant as programs get it."""
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


def note_if_off(settings: Settings) -> None:
    """Say that grants mean nothing as long as access control is off."""
    config = settings.load_if_given()
    if config is None or not config.state.security.access_control_enabled:
        from llmspell.cli.report import print_note

        print_note(
            "note",
            "access control is off, so everybody may do everything; to switch it on:"
            " state.security.access_control_enabled = true",
        )
