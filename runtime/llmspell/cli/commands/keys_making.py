"""``llmspell keys generate``, ``list`` and ``rotate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, config_options, json_option, state_options
from llmspell.cli.store_access import open_state

if TYPE_CHECKING:
    from llmspell.security.keys.master import MasterKey, Passphrase

__all__ = ["generate", "list_", "rotate"]

_FILE = click.Path(path_type=Path)


@click.command(
    cls=Command,
    examples=(
        "llmspell keys generate --file master.key",
        'export LLMSPELL_MASTER_KEY="$(llmspell keys generate)"',
    ),
)
@click.option("--file", "file", type=_FILE, metavar="FILE", help="Write it to a new file instead.")
@json_option
@config_options
def generate(_settings: Settings, file: Path | None, as_json: bool) -> int:
    """Make a new random master key and print it, or write it to a file that only you can read.

    Keep a copy in a safe place: without the key nobody can read what it protects, you included.
    An existing file is never overwritten.
    """
    from llmspell.cli.jsontext import print_json
    from llmspell.security.keys.master import MasterKey, write_key_file

    if file is not None:
        write_key_file(file)
        if as_json:
            print_json({"ok": True, "file": str(file)})
        else:
            click.echo(f"wrote a new master key to {file}; keep a copy in a safe place", err=True)
            click.echo(f'use it with state.security.key_file = "{file}"', err=True)
        return 0
    made = MasterKey.random().hex()
    if as_json:
        print_json({"ok": True, "key": made})
    else:
        click.echo(made)
    return 0


@click.command(
    cls=Command,
    name="list",
    examples=("llmspell -p secure keys list", "llmspell keys list --json"),
)
@json_option
@state_options
def list_(settings: Settings, as_json: bool) -> int:
    """List the data keys of the store, the oldest first. No secret is shown.

    `keys verify` tells how many values each of them encrypts.
    """
    with open_state(settings) as state:
        facts = state.key_facts()
    if as_json:
        from llmspell.cli.jsontext import print_json

        keys = [
            {"id": key.id, "created_at": key.created_at.isoformat(), "active": key.active}
            for key in facts.keys
        ]
        print_json({"ok": True, **facts._asdict(), "keys": keys})
        return 0
    from llmspell.cli.table import Columns, time_text

    columns = Columns("KEY", "CREATED", "")
    rows = [
        (key.id, time_text(key.created_at), "active" if key.active else "") for key in facts.keys
    ]
    click.echo("\n".join(columns.lay_out(rows)))
    what = "all values" if facts.everything else "values of class sensitive, and what rules name"
    click.echo(f"encrypted: {what}", err=True)
    if facts.everything and not facts.complete:
        click.echo(
            "some may still be in the open; `llmspell keys reencrypt` encrypts them", err=True
        )
    return 0


@click.command(
    cls=Command,
    examples=(
        "llmspell -p secure keys rotate",
        "llmspell -p secure keys rotate --master-key-file new.key",
    ),
)
@click.option(
    "--master-key-file",
    type=_FILE,
    metavar="FILE",
    help="Instead of a new data key: have this master key open the ring from now on.",
)
@click.option(
    "--master-passphrase",
    is_flag=True,
    help="The same with a passphrase, which is asked for.",
)
@json_option
@state_options
def rotate(
    settings: Settings, master_key_file: Path | None, master_passphrase: bool, as_json: bool
) -> int:
    """Make a new data key: values saved from now on are encrypted with it.

    Scripts may go on meanwhile. What is stored already stays readable; `llmspell keys reencrypt`
    encrypts it with the new key.

    With another master key, the data keys stay and are wrapped anew: configure the new one before
    you start the next program.
    """
    if master_key_file is not None and master_passphrase:
        raise click.UsageError("give --master-key-file or --master-passphrase, not both")
    with open_state(settings) as state:
        if master_key_file is not None or master_passphrase:
            state.change_master_key(_new_master(master_key_file, settings))
            told: dict[str, object] = {"master": True}
            shown = "the master key was changed: configure the new one now"
        else:
            key = state.rotate_key()
            told, shown = {"key": key.id}, f"the new data key is {key.id}"
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, **told})
    else:
        click.echo(shown, err=True)
    return 0


def _new_master(file: Path | None, settings: Settings) -> MasterKey | Passphrase:
    from llmspell.security.keys.master import Passphrase, read_key_file

    if file is not None:
        return read_key_file(file)
    chosen = click.prompt("new passphrase", hide_input=True, confirmation_prompt=True, err=True)
    security = settings.load().state.security
    return Passphrase(
        chosen,
        derivation=security.key_derivation,
        pbkdf2_iterations=security.pbkdf2_iterations,
    )
