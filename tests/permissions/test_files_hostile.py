"""Whatever a path says and whatever lies on the disk: ``Fs`` stays within what is permitted."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmspell import Permissions, Runtime
from llmspell.errors import FileError, InvalidArgument, LlmSpellError, PermissionDenied
from llmspell.services.files import Files

from .conftest import Host

SECRET = "the secret"
#: Within the tree, outside of it, and the ways from one to the other.
NAMES = [
    "in", "out", "file", "secret", "sub", "new", "to-out", "to-secret", "to-in", "up", "self",
    "dangling", "..", ".", "", "in.", "IN", "file ", "\\", "~", "*", "%2e%2e", "/",
]  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``in`` is permitted; ``out`` beside it is not; links lead everywhere."""
    root = tmp_path_factory.mktemp("tree")
    for folder in ("in/sub", "out/sub", "in2"):
        (root / folder).mkdir(parents=True)
    (root / "in/file").write_text("inside")
    (root / "in/sub/file").write_text("inside")
    for path in ("out/secret", "out/only here", "out/file", "out/sub/file", "in2/file"):
        (root / path).write_text(SECRET)
    links = {
        "in/to-out": "../out",
        "in/to-secret": "../out/secret",
        "in/sub/to-out": root / "out",
        "in/sub/up": "..",
        "in/up": "..",
        "in/self": "self",
        "in/dangling": "../out/nothing",
        "in/to-in": root / "in",
        "out/to-in": "../in",
        "to-in": "in",
    }
    for path, target in links.items():
        (root / path).symlink_to(target)
    return root


def outside(root: Path) -> dict[str, str]:
    """What lies outside of what is permitted."""
    return {
        str(path): path.read_text() if path.is_file() else "folder"
        for top in ("out", "in2")
        for path in sorted((root / top).rglob("*"))
    }


@contextmanager
def current(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


paths = st.one_of(
    st.lists(st.sampled_from(NAMES), max_size=7).map("/".join),
    st.lists(st.sampled_from(NAMES), max_size=4).map(lambda names: "in/" + "/".join(names)),
    st.text(max_size=20),
    st.binary(max_size=20),
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=paths, at_root=st.booleans())
def test_no_path_reaches_what_is_not_permitted(
    tree: Path, path: str | bytes, at_root: bool
) -> None:
    if at_root and isinstance(path, str):
        path = f"{tree}/{path}"
    before = outside(tree)
    with current(tree):
        files = Files(Permissions(read=["in"], write=["in"]), own_files=(), max_bytes=1000)
        calls = {
            "exists": lambda: files.exists(path),
            "read": lambda: files.read(path, encoding="bytes"),
            "entries": lambda: files.entries(path),
            "write": lambda: files.write(path, "inside", create_dirs=True),
            "append": lambda: files.write(path, "", append=True),
        }
        refused = {}
        for name, call in calls.items():
            try:
                result = call()
            except (PermissionDenied, FileError, InvalidArgument) as error:
                refused[name] = error.code
            else:
                assert result != SECRET.encode()
                if name == "entries":
                    assert "only here" not in [entry["name"] for entry in result]
    assert outside(tree) == before
    # Not even whether something is there is told: one call is refused where all of them are.
    if refused.get("exists") == "permission_denied":
        assert set(refused.values()) == {"permission_denied"}
        assert len(refused) == len(calls)


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ("out/secret", "out/nothing"),
        ("in/../out/secret", "in/../out/nothing"),
        ("in/to-secret", "in/dangling"),
        ("in/to-out/secret", "in/to-out/nothing"),
        ("in/to-out/sub/file", "in/to-out/none/file"),
        ("in2/file", "in3/file"),
        ("to-in/file", "to-none/file"),
    ],
)
@pytest.mark.parametrize("function", ["read", "exists", "entries"])
def test_a_denial_is_the_same_whether_or_not_the_file_is_there(
    tree: Path, there: str, missing: str, function: str
) -> None:
    with current(tree):
        files = Files(Permissions(read=["in"]), own_files=(), max_bytes=1000)
        told = []
        for path in (there, missing):
            with pytest.raises(PermissionDenied) as caught:
                getattr(files, function)(path)
            told.append(str(caught.value.to_dict()).replace(path, "PATH"))
    assert told[0] == told[1]


def test_what_a_folder_becomes_while_a_script_reads_does_not_matter(tree: Path) -> None:
    place, rounds = tree / "in/swapped", 300

    def swap() -> None:
        for _ in range(rounds):
            place.mkdir()
            (place / "file").write_text("inside")
            (place / "file").unlink()
            (place / "file").symlink_to("../../out/secret")
            (place / "file").unlink()
            place.rmdir()
            place.symlink_to("../out")
            place.unlink()

    thread = threading.Thread(target=swap)
    seen = set()
    with current(tree):
        files = Files(Permissions(read=["in"]), own_files=(), max_bytes=1000)
        thread.start()
        while thread.is_alive():
            try:
                seen.add(files.read("in/swapped/file"))
            except LlmSpellError as error:
                seen.add(error.code)
    codes = {"permission_denied", "file_not_found", "file_error", "inside", ""}
    assert seen <= codes


@pytest.mark.parametrize("path", ["/proc/self/environ", "/dev/null", "/dev/zero", "/proc", "/sys"])
def test_devices_and_processes_are_no_files_even_where_all_is_permitted(
    host: Host, path: str
) -> None:
    host.permit(read=True, write=["/"])
    (host.folder / "link").symlink_to(path)
    for name in (path, "link", f"/etc/..{path}", f"/{path}"):
        assert host.refusal("Fs.read", name).code == "permission_denied"
        assert host.refusal("Fs.write", name, "x").code == "permission_denied"
        assert host.refusal("Fs.exists", name).code == "permission_denied"


def test_the_database_is_open_to_no_script(folder: Path) -> None:
    with Runtime(permissions=Permissions.all()) as runtime:
        runtime.state.save("global", "k", "v")
        (folder / "link").symlink_to(".llmspell/state.db")
        for path in (".llmspell/state.db", ".llmspell/state.db-wal", "link"):
            for call in (f"Fs.read('{path}')", f"Fs.write('{path}', '')"):
                with pytest.raises(LlmSpellError, match="never permitted") as caught:
                    runtime.execute(f"return {call}", engine="lua")
                assert caught.value.code == "permission_denied"
        assert runtime.state.load("global", "k") == "v"


def test_permission_to_write_is_none_to_read_and_the_other_way_round(host: Host) -> None:
    host.write("r/f", "text")
    host.write("w/f", "text")
    host.permit(read=["r"], write=["w"])
    host("Fs.write", "w/f", "new")
    assert host("Fs.read", "r/f") == "text"
    for function, arguments, permission in (
        ("Fs.read", ["w/f"], "read"),
        ("Fs.exists", ["w/f"], "read"),
        ("Fs.list", ["w"], "read"),
        ("Fs.write", ["r/f", ""], "write"),
        ("Fs.write", ["r/f", "", {"append": True}], "write"),
    ):
        error = host.refusal(function, *arguments)
        assert error.code == "permission_denied"
        assert error.details == {"permission": permission, "target": arguments[0]}


@pytest.mark.parametrize(
    ("path", "flag"),
    [
        ("data/a.txt", "--allow-read=data/a.txt "),
        ("/etc/passwd", "--allow-read=/etc/passwd "),
        ("a b", "'--allow-read=a b' "),
        ("a,b", "--allow-read=a,,b "),
        ("~/x", "'--allow-read=./~/x' "),
    ],
)
def test_a_denial_says_what_would_allow_exactly_this(host: Host, path: str, flag: str) -> None:
    error = host.refusal("Fs.read", path)
    assert error.code == "permission_denied"
    assert error.message == f"Fs.read: reading '{path}' is not permitted"
    assert f"with {flag}" in (error.hint or "")
    assert "permissions.read" in (error.hint or "")


def test_a_path_of_any_length_makes_a_short_message(host: Host) -> None:
    error = host.refusal("Fs.read", "x" * 4000)
    assert len(error.message) < 300
