"""Whatever a script requires, only files below its module folders are ever read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import LlmSpellError
from llmspell_bridges.modules import Modules

from .conftest import SECRET, link

INSIDE = "inside"
PIECES = [
    *("..", ".", "/", "\\", "a", "lib", "m", "outside", "link", "out", "self", "up", "A", "~", ""),
    *(
        ".lua",
        ".js",
        ".json",
        "index",
        "init",
        "\0",
        " ",
        ":",
        "%2e",
        "\u2024",
        "root",
        "//",
        "./",
        "../",
    ),
    *("/proc/self/cwd", "/etc/passwd", "{above}", "{root}", "\ud800"),
]
NAMES = st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=9).map("".join)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder full of ways out, in another that holds secrets under the same names."""
    above = tmp_path_factory.mktemp("above")
    root = above / "root"
    for folder, text in (
        (above, SECRET),
        (above / "lib", SECRET),
        (root, INSIDE),
        (root / "lib", INSIDE),
    ):
        folder.mkdir(exist_ok=True)
        for stem in ("outside", "m", "a", "index", "init"):
            for ending in ("lua", "js", "json"):
                (folder / f"{stem}.{ending}").write_text(f'"{text}"')
    link(above, root / "link")
    link("..", root / "up")
    link(".", root / "self")
    link("../../lib", root / "lib" / "lib")
    for ending in ("lua", "js", "json"):
        link(above / f"outside.{ending}", root / f"out.{ending}")
        link(f"../../m.{ending}", root / "lib" / f"out.{ending}")
    return root


@pytest.mark.parametrize("language", ["lua", "js"])
@settings(max_examples=400, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=3))
def test_no_name_reads_a_file_outside(tree: Path, language: str, names: list[str]) -> None:
    modules = Modules(
        language=language, name="main", folder=tree, paths=[tree / "lib", tree / "nowhere"]
    )
    file = "main"
    for name in names:
        try:
            found = modules.find(
                name.replace("{above}", str(tree.parent)).replace("{root}", str(tree)), file
            )
        except LlmSpellError as error:
            assert error.code in ("module_not_found", "module_error")
            continue
        if found.kind != "main":
            assert INSIDE in str(found.content)
            assert SECRET not in str(found.content)
            file = found.name


def test_the_ways_out_would_lead_to_secrets(tree: Path) -> None:
    for way in ("out.js", "link/outside.js", "up/m.js", "lib/lib/m.js", "lib/out.js"):
        assert SECRET in (tree / way).read_text()
    assert os.path.realpath(tree / "self") == os.path.realpath(tree)
