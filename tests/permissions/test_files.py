"""``Fs``: reading, writing and listing below the folders that are permitted."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from llmspell import Permissions, Runtime

from .conftest import Host

BYTES = {"encoding": "bytes"}


def test_text_that_was_written_is_read_again(host: Host) -> None:
    host.permit(read=["data"], write=["data"])
    assert host("Fs.write", "data/a.txt", "Grüße\r\n", {"create_dirs": True}) is None
    assert host("Fs.read", "data/a.txt") == "Grüße\r\n"
    assert (host.folder / "data/a.txt").read_bytes() == "Grüße\r\n".encode()


@pytest.mark.parametrize("content", [b"", b"\xff\0\x80", bytes(range(256))])
def test_bytes_that_were_written_are_read_again(host: Host, content: bytes) -> None:
    host.permit(read=True, write=True)
    host("Fs.write", "b", content)
    assert (host.folder / "b").read_bytes() == content
    read = host("Fs.read", "b", BYTES)
    # Lua has one kind of string: what is text in it comes back as text.
    assert read == content or (host.engine == "lua" and read.encode() == content)


def test_writing_replaces_what_was_there_and_appending_adds_to_it(host: Host) -> None:
    host.permit(read=["."], write=["."])
    host.write("f", "a longer text")
    host("Fs.write", "f", "one")
    host("Fs.write", "f", "two", {"append": True})
    host("Fs.write", "new", "three", {"append": True})
    assert [host("Fs.read", name) for name in ("f", "new")] == ["onetwo", "three"]
    assert sorted(os.listdir(host.folder)) == ["f", "new"]


def test_a_file_that_is_replaced_keeps_its_mode(host: Host) -> None:
    host.permit(write=["."])
    path = host.write("tool", "old")
    path.chmod(0o750)
    host("Fs.write", "tool", "new")
    assert path.stat().st_mode & 0o7777 == 0o750


def test_readers_of_a_file_being_replaced_keep_the_old_content(host: Host) -> None:
    host.permit(write=["."])
    with host.write("f", "old").open() as reader:
        host("Fs.write", "f", "new")
        assert reader.read() == "old"


def test_a_folder_is_listed_in_the_order_of_its_names(host: Host) -> None:
    host.permit(read=["."])
    host.write("b.txt", "12345")
    host.write("a/inner")
    host.write("é")
    (host.folder / "to").symlink_to("/etc/passwd")
    os.mkfifo(host.folder / "pipe")
    assert host("Fs.list", ".") == [
        {"name": "a", "kind": "directory"},
        {"name": "b.txt", "kind": "file", "size": 5},
        {"name": "pipe", "kind": "other"},
        {"name": "to", "kind": "link"},
        {"name": "é", "kind": "file", "size": 0},
    ]
    (host.folder / "empty").mkdir()
    assert host("Fs.list", "empty") == []


def test_a_name_that_is_no_text_can_be_listed_and_used(host: Host) -> None:
    host.permit(read=["."], write=["."])
    try:
        Path(os.fsdecode(os.fsencode(host.folder) + b"/\xff")).write_text("found")
    except OSError:
        assert os.uname().sysname == "Darwin"  # its file system takes text only
        return
    assert host("Fs.list", ".") == [{"name": b"\xff", "kind": "file", "size": 5}]
    assert host("Fs.read", b"\xff") == "found"


def test_exists_tells_of_files_and_folders(host: Host) -> None:
    host.permit(read=["."])
    host.write("a/file")
    there = {name: host("Fs.exists", name) for name in ("a", "a/file", "a/none", "b/c", "a/file/x")}
    assert there == {"a": True, "a/file": True, "a/none": False, "b/c": False, "a/file/x": False}


def test_a_single_file_may_be_permitted(host: Host) -> None:
    host.permit(read=["a/one"], write=["a/new"])
    host.write("a/one", "1")
    host.write("a/two", "2")
    assert host("Fs.read", "a/one") == "1"
    host("Fs.write", "a/new", "3")
    assert (host.folder / "a/new").read_text() == "3"
    for function, path in (("Fs.read", "a/two"), ("Fs.list", "a"), ("Fs.exists", "a/new")):
        assert host.refusal(function, path).code == "permission_denied"


def test_links_that_stay_within_what_is_permitted_are_followed(host: Host) -> None:
    host.permit(read=["data", "more"], write=["data"])
    host.write("data/deep/file", "text")
    host.write("more/file", "more")
    (host.folder / "data/there").symlink_to("deep")
    (host.folder / "data/deep/up").symlink_to("../there/file")
    (host.folder / "data/across").symlink_to(host.folder / "more")
    assert host("Fs.read", "data/there/file") == "text"
    assert host("Fs.read", "data/deep/up") == "text"
    assert host("Fs.read", "data/across/file") == "more"
    host("Fs.write", "data/deep/up", "new")
    assert (host.folder / "data/deep/up").is_symlink()
    assert (host.folder / "data/deep/file").read_text() == "new"


def test_links_at_the_root_of_the_system_lead_where_they_say(lua: Host) -> None:
    lua.permit(read=True)
    for link in Path("/").iterdir():  # /bin and /lib are links on many systems
        if link.is_symlink() and link.is_dir():
            listed = [entry["name"] for entry in lua("Fs.list", str(link))]
            assert listed == sorted(os.listdir(link), key=os.fsencode)


def test_a_permitted_folder_may_itself_be_a_link(host: Host) -> None:
    host.write("real/file", "text")
    (host.folder / "link").symlink_to("real")
    host.permit(read=["link"])
    assert host("Fs.read", "link/file") == "text"
    assert host("Fs.read", "real/file") == "text"


def test_a_permitted_folder_that_is_missing_is_made_when_asked(host: Host) -> None:
    host.permit(write=["out/of/here"])
    assert host.refusal("Fs.write", "out/of/here/f", "x").code == "file_not_found"
    host("Fs.write", "out/of/here/f", "x", {"create_dirs": True})
    assert (host.folder / "out/of/here/f").read_text() == "x"


@pytest.mark.parametrize(
    ("function", "arguments", "code", "reason"),
    [
        ("Fs.read", ["none"], "file_not_found", None),
        ("Fs.read", ["none/x"], "file_not_found", None),
        ("Fs.list", ["none"], "file_not_found", None),
        ("Fs.write", ["none/x", ""], "file_not_found", None),
        ("Fs.read", ["dir"], "file_error", "is_directory"),
        ("Fs.read", ["."], "file_error", "is_directory"),
        ("Fs.write", ["dir", ""], "file_error", "is_directory"),
        ("Fs.write", [".", ""], "file_error", "is_directory"),
        ("Fs.list", ["file"], "file_error", "not_a_directory"),
        ("Fs.read", ["file/x"], "file_error", "not_a_directory"),
        ("Fs.write", ["file/x", "", {"create_dirs": True}], "file_error", "not_a_directory"),
        ("Fs.read", ["pipe"], "file_error", "not_a_file"),
        ("Fs.write", ["pipe", ""], "file_error", "not_a_file"),
        ("Fs.write", ["pipe", "", {"append": True}], "file_error", "not_a_file"),
        ("Fs.read", ["loop"], "file_error", "too_many_links"),
        ("Fs.read", ["n" * 300], "file_error", "name_too_long"),
        ("Fs.read", ["binary"], "invalid_value", None),
        ("Fs.read", [""], "invalid_argument", None),
        ("Fs.read", ["a\0b"], "invalid_argument", None),
        ("Fs.read", ["x/" * 3000], "invalid_argument", None),
        ("Fs.read", [], "invalid_argument", None),
        ("Fs.read", [5], "invalid_argument", None),
        ("Fs.read", [["file"]], "invalid_argument", None),
        ("Fs.read", ["file", "utf-8"], "invalid_argument", None),
        ("Fs.read", ["file", {"encoding": "latin-1"}], "invalid_argument", None),
        ("Fs.read", ["file", {"encodign": "bytes"}], "invalid_argument", None),
        ("Fs.write", ["file"], "invalid_argument", None),
        ("Fs.write", ["file", 5], "invalid_argument", None),
        ("Fs.write", ["file", {"text": "x"}], "invalid_argument", None),
        ("Fs.write", ["file", "", {"append": "yes"}], "invalid_argument", None),
        ("Fs.exists", ["file", 1, 2], "invalid_argument", None),
    ],
)
def test_what_cannot_be_done_is_an_error_that_names_the_path_and_changes_nothing(
    host: Host, function: str, arguments: list, code: str, reason: str | None
) -> None:
    host.permit(read=["."], write=["."])
    host.write("file", "kept")
    host.write("binary", b"one\ntwo\xff")
    (host.folder / "dir").mkdir()
    os.mkfifo(host.folder / "pipe")
    (host.folder / "loop").symlink_to("loop")
    before = sorted(os.listdir(host.folder))
    error = host.refusal(function, *arguments)
    assert (error.code, error.details.get("reason")) == (code, reason)
    assert error.message.startswith(function)
    if code.startswith("file"):
        assert error.details["path"] == arguments[0]
    assert sorted(os.listdir(host.folder)) == before
    assert (host.folder / "file").read_text() == "kept"


def test_text_that_is_none_is_told_with_its_line_and_the_way_out(host: Host) -> None:
    host.permit(read=["."])
    host.write("binary", b"one\ntwo\xff")
    error = host.refusal("Fs.read", "binary")
    assert "line 2" in error.message
    assert "bytes" in (error.hint or "")


def test_a_file_larger_than_the_limit_is_refused(host: Host) -> None:
    config = host.write(
        "c.toml", "[limits]\nvalue_bytes = 1000\n[permissions]\nread = true\nwrite = true"
    )
    host.write("fits", "x" * 1000)
    host.write("large", "x" * 1001)
    code = {
        "lua": "return #Fs.read('fits'), Fs.{}",
        "js": "Fs.sync.read('fits').length + Fs.sync.{}",
    }[host.engine]
    with Runtime(config) as runtime:
        for call in ("read('large')", f"write('fits', '{'x' * 1001}')"):
            with pytest.raises(Exception, match="more than 1000 bytes") as caught:
                runtime.execute(code.format(call), engine=host.engine)
            assert caught.value.code == "limit_exceeded"
            assert caught.value.details == {"limit": "value_bytes", "maximum": 1000}
    assert (host.folder / "fits").read_text() == "x" * 1000


def test_a_write_the_disk_has_no_room_for_leaves_the_old_file(lua: Host) -> None:
    lua.permit(write=["."])
    lua.write("f", "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        for options in ({}, {"append": True}):
            error = lua.refusal("Fs.write", "f", "x" * 10_000, options)
            assert (error.code, error.details["reason"]) == ("file_error", "too_large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (lua.folder / "f").read_text() == "old"
    assert os.listdir(lua.folder) == ["f"]


def test_javascript_has_the_functions_without_promises_too(folder: Path) -> None:
    with Runtime(profile="minimal") as runtime:
        code = "[Fs, Env, Http].flatMap(g => Object.keys(g.sync)).join()"
        assert runtime.execute(code, engine="js").value == "read,write,list,exists,get,request"


def test_a_read_whose_promise_nobody_looks_at_is_warned_of(folder: Path) -> None:
    (folder / "f").write_text("")
    with Runtime(profile="minimal", permissions=Permissions(read=["."])) as runtime:
        result = runtime.execute("Fs.exists('f'); 1", engine="js")
    assert "Fs.exists" in result.warnings[0]
