"""The documentation is true: its examples run, its generated parts are fresh, its links lead.

How examples are written: a `lua`, `js` or `python` block is run, and a `text` block right after
it is what it prints. A script or a configuration whose first line names a file is saved under that
name for the `sh` block that uses it. All blocks of a page share one folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import llmspell.errors
from llmspell.cli import failures
from llmspell.errors import LlmSpellError
from llmspell.reference import PAGES, Page, renewed
from llmspell_bridges import door

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MANUAL = sorted((ROOT / "docs").glob("*.md"))
WITH_EXAMPLES = [README, *(page for page in MANUAL if page.name != "configuration.md")]

FIRST_COMMAND = (
    "python3 -m venv .venv && .venv/bin/pip install -e . "
    "&& .venv/bin/llmspell run examples/lua/quickstart.lua"
)
SECOND_COMMAND = ".venv/bin/pip install -e '.[test]' && .venv/bin/pytest"
# What sets up an environment is run by .ci/run, in a fresh one.
SET_UP = ("python3 -m venv", ".venv/bin/pip install", ".venv/bin/pytest")


class Block(NamedTuple):
    """One fenced block: its language, its text, and the output shown after it."""

    language: str
    text: str
    shown: str | None

    @property
    def file(self) -> str | None:
        named = re.match(r"(?:--|//|#) (\S+\.(?:lua|js|toml))\n", self.text)
        return named[1] if named else None


def blocks(page: Path) -> Iterator[Block]:
    found = re.findall(
        r"^```(\w+)\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?",
        page.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    for language, text, shown in found:
        if language != "text":
            yield Block(language, text, shown or None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder that looks like the repository after its set-up."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    program = programs / "llmspell"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m llmspell.cli "$@"\n')
    program.chmod(0o755)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LLMSPELL_")}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ | {"PATH": f"{folder / '.venv/bin'}:{os.environ['PATH']}"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def output_of(block: Block, folder: Path) -> str | None:
    """Run a block; return None when another block is to run it."""
    if block.language == "python":
        return run(folder, sys.executable, "-c", block.text)
    if block.language == "sh":
        commands = [part for line in block.text.splitlines() for part in line.split(" && ")]
        return "".join(run(folder, "sh", "-c", c) for c in commands if not c.startswith(SET_UP))
    if block.file is not None:
        (folder / block.file).write_text(block.text)
        return None
    return run(folder, "llmspell", "exec", "--engine", block.language, block.text)


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_every_example_of_a_page_prints_what_the_page_shows(page: Path, folder: Path) -> None:
    waiting = set()
    for block in blocks(page):
        assert block.language in ("python", "lua", "js", "toml", "sh"), block
        printed = output_of(block, folder)
        if block.language in ("sh", "toml"):
            waiting -= {name for name in waiting if name and name in block.text}
        if printed is None:
            waiting.add(block.file)
        if printed is not None:
            assert printed == (block.shown or ""), block.text
    assert not waiting, "a named script that no sh block runs"


def test_the_readme_holds_the_two_commands_that_set_everything_up() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert FIRST_COMMAND in lines
    assert SECOND_COMMAND in lines


def test_the_readme_fits_two_screens_beside_its_table_and_examples() -> None:
    text = re.sub(r"<!-- begin.*?<!-- end", "", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(text.splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_the_generated_parts_are_fresh(page: Page) -> None:
    text = (ROOT / page.path).read_text(encoding="utf-8")
    assert text == renewed(text, page), "run: python -m llmspell.reference"


def error_classes() -> list[type[LlmSpellError]]:
    named = [getattr(llmspell.errors, name) for name in llmspell.errors.__all__]
    named += [getattr(failures, name) for name in failures.__all__]
    named.append(door.InternalError)
    return [kind for kind in named if isinstance(kind, type) and issubclass(kind, LlmSpellError)]


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_code_is_listed_with_its_class_and_builtin(kind: type[LlmSpellError]) -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    if kind is LlmSpellError:
        assert f"`{kind.code}` is the code of `LlmSpellError`" in page
        return
    rows = [line for line in page.splitlines() if line.startswith(f"| `{kind.code}` |")]
    assert rows
    if kind.__name__ in llmspell.errors.__all__:
        row = next(row for row in rows if f"| `{kind.__name__}` |" in row)
        builtins = [base for base in kind.__mro__ if base.__module__ == "builtins"]
        natural = builtins[0].__name__
        assert natural == "Exception" or f"| `{natural}` |" in row


def test_every_reason_of_a_storage_error_is_listed() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    documented = re.findall(r"``(\w+)``", llmspell.errors.StorageError.__doc__ or "")
    assert documented
    assert [reason for reason in documented if f"| `{reason}` |" not in page] == []


@pytest.mark.parametrize(
    "page", [README, ROOT / "CONTRIBUTING.md", *MANUAL], ids=lambda page: page.name
)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not heading or heading in headings(file), target


def headings(page: Path) -> set[str]:
    lines = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in lines}


def test_the_manual_lists_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in MANUAL if f"({page.name})" not in index] == ["README.md"]


def test_the_ci_script_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    for command in ("pip", "pytest"):
        assert f'/bin/{command}"' in text
    assert "-e '.[test]'" in text
    subprocess.run(["bash", "-n", str(script)], check=True)
