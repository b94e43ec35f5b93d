"""``llmspell audit export`` and ``compact``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from llmspell.cli import exits
from llmspell.cli.command import Command
from llmspell.cli.commands.audit_options import since_option, until_option
from llmspell.cli.confirm import confirmed
from llmspell.cli.options import Settings, age, config_options, json_option
from llmspell.cli.progress import advancing

__all__ = ["compact", "export"]

_DAY_S = 86_400


@click.command(
    cls=Command,
    examples=(
        "llmspell audit export audit.jsonl",
        "llmspell audit export audit.csv --since 30d",
        "llmspell audit export - | gzip > audit.jsonl.gz",
    ),
)
@click.argument("file")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["jsonl", "csv"]),
    help="Form of the file. Default: csv for a file that ends so, else jsonl.",
)
@since_option
@until_option
@json_option
@config_options
def export(
    settings: Settings,
    file: str,
    file_format: str | None,
    since: int | None,
    until: int | None,
    as_json: bool,
) -> int:
    """Write the records to FILE, a part of the chain without gaps; "-" is the standard output.

    JSON lines carry the hashes, and can be verified without the log; CSV is for people.
    """
    from llmspell.security.audit.exporting import write_csv, write_json_lines
    from llmspell.security.audit.reading import records_between
    from llmspell.state.opening import configured_audit_key

    if file == "-" and as_json:
        raise click.UsageError("--json needs a FILE: the standard output holds the export itself")
    config = settings.load()
    form = file_format or ("csv" if file.lower().endswith(".csv") else "jsonl")
    records = records_between(config.audit.path, since_us=since, until_us=until)

    def written(write: Callable[[bytes], object]) -> int:
        if form == "csv":
            return write_csv(records, write)
        return write_json_lines(records, write, key=configured_audit_key(config))

    if file == "-":
        written(sys.stdout.buffer.write)
        sys.stdout.buffer.flush()
        return exits.OK
    count = _write_file(Path(file), written)
    _tell(as_json, f"exported {_records(count)} to {file}", file=file, records=count)
    return exits.OK


@click.command(
    cls=Command,
    examples=("llmspell audit compact", "llmspell audit compact --older-than 365d --yes"),
)
@click.option(
    "--older-than",
    callback=age,
    metavar="TIME",
    help="Records older than this go (365d). Default: audit.retention_days.",
)
@click.option("--yes", is_flag=True, help="Do not ask, where --older-than says what goes.")
@json_option
@config_options
def compact(settings: Settings, older_than: float | None, yes: bool, as_json: bool) -> int:
    """Remove the oldest records and leave a signed checkpoint, from which the chain goes on.

    The log is verified first; nothing is removed from one that was tampered with, or that has
    no key. The removal is itself recorded.
    """
    from llmspell.cli.failures import UsageFailure
    from llmspell.security.audit.compacting import compact as compacted
    from llmspell.state.opening import configured_audit_key

    config = settings.load()
    age_s = older_than or config.audit.retention_days * _DAY_S
    if not age_s:
        raise UsageFailure(
            "audit.retention_days is 0: everything is kept",
            hint="set it, or say how old a record must be: --older-than 365d",
        )
    if older_than and not confirmed("would remove records for good", yes=yes, as_json=as_json):
        return exits.SCRIPT
    with advancing("checking") as show:
        done = compacted(
            config.audit.path,
            key=configured_audit_key(config),
            before_us=max(0, int((time.time() - min(age_s, time.time())) * 1_000_000)),
            progress=lambda step: show(step.share),
        )
    told = done.checkpoint.to_dict() if done.checkpoint else None
    _tell(as_json, f"removed {_records(done.removed)}", removed=done.removed, checkpoint=told)
    return exits.OK


def _write_file(path: Path, written: Callable[[Callable[[bytes], object]], int]) -> int:
    from llmspell.cli.failures import UsageFailure
    from llmspell.errors import LlmSpellError

    if path.is_dir() or not path.name:
        raise UsageFailure(f"cannot write {path}: it is a directory", hint="name a file in it")
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        # Only for its owner: it tells who uses what.
        handle = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as target:
            count = written(target.write)
        aside.replace(path)
    except LlmSpellError:  # an error of the log is an OSError too
        raise
    except OSError as error:
        raise UsageFailure(f"cannot write {path}: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)
    return count


def _records(count: int) -> str:
    from llmspell.cli.table import counted

    return counted(count, "record")


def _tell(as_json: bool, message: str, **facts: object) -> None:
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, **facts})
    else:
        click.echo(message, err=True)
