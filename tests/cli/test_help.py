"""Help texts, and what a mistyped command line is answered with."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from llmspell.cli.app import root
from llmspell.cli.command import Group

from .conftest import Program


def all_commands(group: Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, Group):
            yield from all_commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(all_commands(root))  # type: ignore[arg-type]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(path: tuple[str, ...], capsys) -> None:
    command: click.Command = root
    context = click.Context(root, info_name="llmspell")
    for name in path:
        assert isinstance(command, Group)
        command = command.get_command(context, name)
        context = click.Context(command, info_name=name, parent=context)
    text = command.get_help(context)
    assert "Examples:\n" in text
    examples = text.partition("Examples:\n")[2]
    assert "llmspell" in examples
    if path:
        assert path[-1] in examples


def test_help_and_version_succeed(llmspell: Program) -> None:
    assert llmspell("-h").returncode == 0
    version = llmspell("--version")
    assert version.returncode == 0
    assert version.stdout.startswith("llmspell ")
    assert version.stdout.count("\n") == 1


def test_without_a_command_the_help_is_shown_as_a_usage_error(llmspell: Program) -> None:
    done = llmspell()
    assert done.returncode == 2
    assert "Commands:" in done.stderr + done.stdout
    assert "internal" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message", "advice"),
    [
        (["stat"], "no such command 'stat'", "did you mean 'state'?"),
        (["state", "gett"], "no such command 'gett'", "'get'"),
        (["hello.lua"], "no such command 'hello.lua'", "llmspell run hello.lua"),
        (["run", "--jsn", "x.lua"], "--jsn", "--json"),
        (["run"], "FILE", "llmspell run --help"),
        (["exec", "return 1"], "--engine", "lua, js"),
        (["run", "-"], "standard input", "llmspell run --help"),
        (["run", "--timeout", "5x", "a.lua"], "'5x' is not a length of time", "--help"),
        (["run", "--timeout", "0", "a.lua"], "'0' is not a length of time", "--help"),
        (["state", "set", "global", "a"], "either VALUE or --file", "--help"),
    ],
)
def test_a_wrong_command_line_is_answered_with_what_was_meant(
    llmspell: Program, arguments: list[str], message: str, advice: str
) -> None:
    done = llmspell(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error[usage]: ")
    assert message in done.stderr
    assert advice in done.stderr.partition("= help: ")[2]
    assert "Traceback" not in done.stderr
