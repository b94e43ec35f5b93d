"""Nothing outside the module folders is read, told of, or waited for. Every target is really there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from llmspell.errors import LlmSpellError, ModuleNotFound, ScriptError
from llmspell_bridges.modules import Modules
from llmspell_bridges.modules.files import NotReadable, open_by_path, read_below

from .conftest import SECRET, Program, link, secret_module

NAMES = {
    "lua": [
        "../outside",
        "..outside",
        "...outside",
        ".outside",
        "lib.../outside",
        "lib/../../outside",
        "..\\outside",
        "{above}/outside",
        "{above}/outside.lua",
        "@{above}/outside.lua",
        "outside\0",
        "outside.lua\0.lua",
        "./../outside",
        "file:{above}/outside",
        "~/outside",
        "/proc/self/cwd/../outside",
        "proc.self.environ",
        "/dev/stdin",
        "lib.link.outside",
        "lib.out",
        "lib.far",
        "lib.data",
        "lib.loop",
        "lib.self.self.self.lib.out",
    ],
    "js": [
        "../outside",
        "../outside.js",
        "../outside.json",
        "./lib/../../outside",
        "lib/../../outside",
        "./lib/./../.././outside",
        "..\\outside",
        "./..\\outside.js",
        "{above}/outside",
        "{above}/outside.js",
        "/{above}/outside.js",
        "file://{above}/outside.js",
        "./outside.js\0",
        "../outside.js\0.js",
        "..%2foutside",
        "%2e%2e/outside",
        "\uff0e\uff0e/outside",
        "..\u2215outside",
        "../program/../outside",
        "~/outside",
        "./lib/link/outside",
        "./lib/link/../outside",
        "lib/link/outside.json",
        "./lib/out",
        "./lib/far",
        "./lib/data.json",
        "./lib/loop",
        "./lib/self/self/lib/out",
        "/proc/self/root{above}/outside.js",
        "/proc/self/environ",
        "/etc/passwd",
        "/dev/zero",
        "..",
        "../",
        "./..",
        "../../../../../../../../../../../../etc/passwd",
    ],
}


@pytest.fixture
def trapped(program: Program, language: str) -> Program:
    """A program with links in its folder that lead out of it, to modules that would load."""
    above, lib = program.folder.parent, program.folder / "lib"
    (above / f"index.{language}").write_text(secret_module(language))
    link(above, lib / "link")
    link(above / f"outside.{language}", lib / f"out.{language}")
    link(f"../../outside.{language}", lib / f"far.{language}")
    link("../../outside.json", lib / "data.json")
    link(f"loop.{language}", lib / f"loop.{language}")
    link("..", lib / "self")
    return program


@pytest.mark.parametrize(
    ("language", "name"),
    [(language, name) for language, names in NAMES.items() for name in names],
    indirect=["language"],
)
def test_a_file_outside_is_not_found(trapped: Program, language: str, name: str) -> None:
    with pytest.raises(ScriptError) as caught:
        trapped.require(language, name.format(above=trapped.folder.parent))
    assert caught.value.code == "module_not_found"
    assert SECRET not in str(caught.value.to_dict())


@pytest.mark.parametrize("name", ["../{}", "./lib/{}", "./lib/link/{}", "{}"])
def test_what_is_said_is_the_same_whether_the_file_outside_exists(
    program: Program, name: str
) -> None:
    above = program.folder.parent
    (above / "is_there.js").write_text("1")
    for file in ("is_there", "not_there"):
        link(above / f"{file}.js", program.folder / "lib" / f"{file}.js")
    link(above, program.folder / "lib" / "link")
    said = []
    for file in ("is_there", "not_there"):
        with pytest.raises(ScriptError) as caught:
            program.require("js", name.format(file))
        error = caught.value
        said.append(
            (error.message.replace(file, "X"), error.code, str(error.details).replace(file, "X"))
        )
    assert said[0] == said[1]


def test_links_that_stay_inside_work_and_lead_to_one_module(program: Program) -> None:
    program.write("shared/m.js", "module.exports = __filename")
    link("../shared", program.folder / "lib" / "shared")
    link("../shared/m.js", program.folder / "lib" / "same.js")
    assert program.js(
        "[require('./lib/shared/m'), require('./lib/same'), Object.keys(require.cache).length]"
    ) == ["shared/m.js", "shared/m.js", 2]


def test_a_script_that_is_a_link_has_the_modules_of_the_folder_it_leads_to(
    program: Program, tmp_path: Path, language: str
) -> None:
    real = tmp_path / "elsewhere"
    real.mkdir()
    (real / f"tool.{language}").write_text(
        {"lua": "return require 'part'", "js": "require('./part')"}[language]
    )
    (real / f"part.{language}").write_text(
        {"lua": "return 'part'", "js": "module.exports = 'part'"}[language]
    )
    link(real / f"tool.{language}", program.folder / "bin" / f"tool.{language}")
    assert program.runtime.run(f"bin/tool.{language}").value == "part"


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "device"])
def test_what_is_no_regular_file_is_neither_read_nor_waited_for(
    program: Program, language: str, kind: str
) -> None:
    place = program.folder / f"odd.{language}"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "socket":
        import socket

        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"odd.{language}")
    else:
        link("/dev/zero", place)
    with pytest.raises(ScriptError) as caught:
        program.require(language, "odd" if language == "lua" else "./odd")
    assert caught.value.code == "module_not_found"


@pytest.mark.parametrize("name", [".hidden/m", "./.hidden/m", "./lib/.env"])
def test_hidden_files_are_no_modules(program: Program, name: str) -> None:
    program.write(".hidden/m.js", secret_module("js"))
    program.write("lib/.env.json", secret_module("json"))
    with pytest.raises(ScriptError, match="hidden"):
        program.require("js", name)


def test_a_name_is_refused_that_only_a_disk_which_ignores_case_would_find(tmp_path: Path) -> None:
    # Two names of one file are what such a disk shows.
    (tmp_path / "util.lua").write_text("1")
    os.link(tmp_path / "util.lua", tmp_path / "UTIL.LUA")
    root = os.path.realpath(tmp_path)
    assert read_below(root, ("util.lua",), most_bytes=10)[0] == b"1"
    with pytest.raises(NotReadable):
        read_below(root, ("Util.lua",), most_bytes=10)


def test_looking_for_modules_leaves_no_file_open(program: Program, language: str) -> None:
    program.write(
        f"lib/deep/m.{language}", {"lua": "return 1", "js": "module.exports = 1"}[language]
    )
    link(program.folder.parent, program.folder / "link")
    link("lib", program.folder / "inside")
    names = ["lib.deep.m", "inside.deep.m", "link.outside", "lib.gone", "gone.m", "lib.deep.m.m"]
    modules = Modules(language=language, name="main", folder=".")
    before = len(os.listdir("/dev/fd"))
    for name in names:
        with suppress(LlmSpellError):
            modules.find(name if language == "lua" else f"./{name.replace('.', '/')}", "main")
    assert len(os.listdir("/dev/fd")) == before


def test_a_link_put_in_the_way_between_two_looks_leads_nowhere(program: Program) -> None:
    """A folder is exchanged for a link to another one again and again while it is read."""
    import threading

    lib, real, away = (program.folder / name for name in ("lib", "real", "away"))
    real.mkdir()
    (real / "outside.json").write_text('"inside"')
    link("real", lib)
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            for target in (program.folder.parent, "real"):
                os.symlink(target, away)
                os.replace(away, lib)

    swapping = threading.Thread(target=exchange)
    swapping.start()
    root, seen = os.path.realpath(program.folder), set()
    try:
        for _ in range(400):
            try:
                seen.add(read_below(root, ("lib", "outside.json"), most_bytes=99)[0])
            except NotReadable:
                seen.add(b"refused")
    finally:
        over.set()
        swapping.join()
    assert seen <= {b'"inside"', b"refused"}


@pytest.mark.parametrize("parts", [("lib", "out.js"), ("lib", "link", "outside.js"), ("lib",)])
def test_where_the_system_has_no_descriptors_of_folders_links_are_not_followed_either(
    program: Program, parts: tuple[str, ...]
) -> None:
    above, lib = program.folder.parent, program.folder / "lib"
    link(above, lib / "link")
    link(above / "outside.js", lib / "out.js")
    (lib / "m.js").write_text("1")
    root = os.path.realpath(program.folder)
    with pytest.raises(Exception, match=r"^$|not a regular file"):
        open_by_path(root, parts)
    os.close(open_by_path(root, ("lib", "m.js")))


def test_the_details_name_both_files(program: Program) -> None:
    program.write("lib/a.js", "require('../../outside')")
    with pytest.raises(ScriptError) as caught:
        program.js("require('./lib/a')")
    assert caught.value.details == {"module": "../../outside", "required_by": "lib/a.js"}
    assert isinstance(caught.value.__cause__, ModuleNotFound)


def test_a_link_to_a_file_whose_name_is_not_utf8_is_a_clear_error(program: Program) -> None:
    odd = os.fsencode(program.folder) + b"/odd\xff.js"
    with open(odd, "w") as file:
        file.write("1")
    os.symlink(odd, os.fsencode(program.folder) + b"/m.js")
    with pytest.raises(ScriptError, match="not UTF-8") as caught:
        program.js("require('./m')")
    assert caught.value.code == "module_error"
