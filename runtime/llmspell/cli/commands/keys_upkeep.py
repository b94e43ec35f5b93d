"""``llmspell keys reencrypt`` and ``verify``: work on everything that is stored."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.progress import advancing
from llmspell.cli.store_access import open_state

if TYPE_CHECKING:
    from llmspell.store.sealed.steps import Unreadable

__all__ = ["reencrypt", "verify"]

_LISTED = 1000


@click.command(
    cls=Command,
    examples=("llmspell -p secure keys reencrypt", "llmspell keys reencrypt --everything"),
)
@click.option(
    "--everything",
    is_flag=True,
    help="Encrypt what is in the open, too, and everything saved from now on.",
)
@json_option
@state_options
def reencrypt(settings: Settings, everything: bool, as_json: bool) -> int:
    """Encrypt with the newest data key what is encrypted with an older one, history included.

    Where all values are to be encrypted, those in the open are encrypted, too. Scripts may go on
    meanwhile. Interrupted, it goes on where it was when it is started again. Values that do not
    open are listed, stay as they are, and end with exit code 1.
    """
    checked = sealed = found = 0
    problems: list[Unreadable] = []
    with open_state(settings) as state, advancing("encrypting") as show:
        for step in state.reencrypt(everything=everything or None):
            checked += step.checked
            sealed += step.sealed
            found += len(step.problems)
            problems += step.problems[: _LISTED - len(problems)]
            show(step.share)
    counts = {"checked": checked, "encrypted": sealed}
    if found:
        raise _unreadable(problems, found, counts, as_json)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, **counts})
    else:
        click.echo(f"encrypted {sealed:,} of {checked:,} stored values anew", err=True)
    return 0


@click.command(
    cls=Command,
    examples=("llmspell -p secure keys verify", "llmspell keys verify --json"),
)
@json_option
@state_options
def verify(settings: Settings, as_json: bool) -> int:
    """Open every stored value, history included, and tell how many each data key encrypts.

    Values that do not open are listed, and end with exit code 1; so do values in the open, where
    all are to be encrypted. Nothing is changed.
    """
    values: Counter[str] = Counter()
    found = 0
    problems: list[Unreadable] = []
    with open_state(settings) as state, advancing("checking") as show:
        everything = state.key_facts().everything
        for step in state.verify_keys():
            values.update(step.values)
            found += len(step.problems)
            problems += step.problems[: _LISTED - len(problems)]
            show(step.share)
    plain = values.pop("", 0)
    if found:
        raise _unreadable(problems, found, {"values": dict(values), "plain": plain}, as_json)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": not (plain and everything), "values": dict(values), "plain": plain})
        return int(bool(plain and everything))
    from llmspell.cli.table import Columns, counted

    rows = [(key, f"{count:,}") for key, count in sorted(values.items())]
    if plain:
        rows.append(("in the open", f"{plain:,}"))
    click.echo("\n".join(Columns("KEY", "VALUES", numbers=("VALUES",)).lay_out(rows)))
    if plain and everything:
        left = f"{counted(plain, 'value')} in the open; `llmspell keys reencrypt` encrypts them"
        click.echo(left, err=True)
        return 1
    click.echo(f"all well: {counted(values.total(), 'value')} opened", err=True)
    return 0


def _unreadable(
    problems: list[Unreadable], found: int, counts: dict[str, Any], as_json: bool
) -> Exception:
    from llmspell.cli.report import printable
    from llmspell.cli.table import counted
    from llmspell.errors import DecryptionFailed

    if not as_json:
        for problem in problems:
            change = "" if problem.seq is None else f" change {problem.seq}"
            place = f"scope {problem.scope!r} key {problem.key!r} version {problem.version}"
            click.echo(printable(f"{place}{change}: {problem.what}"))
    return DecryptionFailed(
        f"{counted(found, 'value')} did not open",
        hint="save it again, revert it, or restore a backup",
        found=found,
        **counts,
        problems=[problem._asdict() for problem in problems],
    )
