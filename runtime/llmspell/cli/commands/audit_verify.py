"""``llmspell audit verify``: whether anybody changed the log, or an export of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from llmspell.cli import exits
from llmspell.cli.command import Command
from llmspell.cli.options import Settings, config_options, json_option
from llmspell.cli.progress import advancing

if TYPE_CHECKING:
    from llmspell.security.audit.findings import Problem, Step

__all__ = ["verify"]

#: So many problems are listed; beyond that the log is best kept as it is, and begun anew.
_LISTED = 1000


_KEY_HINT: Final = (
    "configure the master key that the log was made with: it was not looked at, and nothing says"
    " that it was tampered with"
)
_TAMPERED_HINT: Final = (
    "keep the log and its .head file as evidence, and move them aside to begin a new one"
)


@click.command(
    cls=Command,
    examples=(
        "llmspell audit verify",
        "llmspell audit verify --head /mnt/safe/audit.db.head",
        "llmspell audit verify --export audit.jsonl --public-key 9f86d0...",
    ),
)
@click.option(
    "--head",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with this copy of the .head file, kept elsewhere.",
)
@click.option(
    "--export",
    "exported",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check an export instead of the log.",
)
@click.option("--public-key", metavar="HEX", help="Who must have signed the export.")
@json_option
@config_options
def verify(
    settings: Settings,
    head: Path | None,
    exported: Path | None,
    public_key: str | None,
    as_json: bool,
) -> int:
    """Check the whole log; what is wrong is listed, and ends with exit code 1.

    Found are records that were changed, removed, inserted or exchanged, an end that was cut off,
    a forged head or checkpoint. Others may go on writing. --json also shows the last record's
    number and hash, and the public key that exports and checkpoints are signed with.
    """
    if exported is None and public_key is not None:
        raise click.UsageError("--public-key is for an export: --export FILE")
    if exported is not None and head is not None:
        raise click.UsageError("--head is for the log, not for an --export")
    from llmspell.state.opening import configured_audit_key

    config = settings.load()
    public, key = _public(public_key), configured_audit_key(config)
    notes: list[str] = []
    problems: list[Problem] = []
    checked = found = 0
    with advancing("checking") as show:
        for step in _steps(config.audit.path, key, head, exported, public):
            checked += step.records
            found += len(step.problems)
            problems += step.problems[: _LISTED - len(problems)]
            notes += step.notes
            show(step.share)
    if found:
        raise _problems(problems, found, checked, as_json)
    _tell_sound(checked, notes, as_json, key=key, path=None if exported else config.audit.path)
    return exits.OK


def _steps(
    path: Path, key: bytes | None, head: Path | None, exported: Path | None, public: bytes | None
) -> Iterator[Step]:
    if exported is None:
        from llmspell.security.audit.verifying import verify as verified

        yield from verified(path, key=key, head=head)
    else:
        from llmspell.security.audit.export_checking import verify_export

        with exported.open("rb") as lines:
            yield from verify_export(lines, key=key, public=public)


def _public(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        public = bytes.fromhex(text)
    except ValueError:
        public = b""
    if len(public) != 32:
        raise click.BadParameter("must be 64 hexadecimal digits", param_hint="'--public-key'")
    return public


def _problems(problems: list[Problem], found: int, checked: int, as_json: bool) -> Exception:
    """List the problems, unless a report in JSON is to hold them; return the error to end with."""
    from llmspell.cli.report import printable
    from llmspell.cli.table import counted
    from llmspell.errors import AuditError

    if not as_json:
        for problem in problems:
            click.echo(printable(f"{problem.kind}: {problem.what}"))
        if found > len(problems):
            click.echo(f"... and {found - len(problems):,} more")
    checked_records = counted(checked, "record")
    is_locked = found == len(problems) and all(each.kind == "unknown_key" for each in problems)
    return AuditError(
        f"the audit log does not verify: {counted(found, 'problem')} in {checked_records}",
        hint=_KEY_HINT if is_locked else _TAMPERED_HINT,
        reason="unknown_key" if is_locked else "tampered",
        found=found,
        records=checked,
        problems=[problem.to_dict() for problem in problems],
    )


def _tell_sound(
    checked: int, notes: list[str], as_json: bool, *, key: bytes | None, path: Path | None
) -> None:
    from llmspell.cli.report import print_note
    from llmspell.cli.table import counted

    if not as_json:
        for note in notes:
            print_note("note", note)
        click.echo(f"all well: {counted(checked, 'record')}")
        return
    from llmspell.cli.jsontext import print_json
    from llmspell.security.audit.reading import tail
    from llmspell.security.audit.signing import public_key

    last = tail(path, 1) if path is not None else []
    head = {"seq": last[0].seq, "hash": last[0].hash.hex()} if last else None
    public = public_key(key).hex() if key is not None else None
    facts = {"records": checked, "notes": notes, "head": head, "public_key": public}
    print_json({"ok": True, **facts})
