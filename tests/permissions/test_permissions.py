"""``Permissions``: a value that says what scripts may reach."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from llmspell import Permissions, Runtime, Script, ScriptError
from llmspell.errors import InvalidArgument, PermissionDenied

KINDS = ("read", "write", "net", "env")


def test_nothing_is_permitted_by_default() -> None:
    nothing = Permissions()
    assert nothing == Permissions.none()
    assert not nothing.allows_read("/")
    assert not nothing.allows_write(".")
    assert not nothing.allows_net("localhost")
    assert not nothing.allows_env("PATH")


def test_all_permits_everything_but_the_variables_of_llmspell_itself() -> None:
    everything = Permissions.all()
    assert everything.allows_read("/etc/passwd")
    assert everything.allows_write("anything")
    assert everything.allows_net("localhost", 80)
    assert everything.allows_net("169.254.169.254")
    assert everything.allows_env("PATH")
    assert not everything.allows_env("LLMSPELL_STATE__URL")
    assert Permissions(env=["LLMSPELL_STATE__URL"]).allows_env("LLMSPELL_STATE__URL")


def test_permissions_compare_by_what_they_permit(folder: Path) -> None:
    one = Permissions(read=["b", "a", "./a/", folder / "a"], net=["Example.COM."], env=("B", "A"))
    other = Permissions(read=("a", "b"), net={"example.com"}, env=["A", "B", "A"])
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == (
        f"Permissions(read=('{folder}/a', '{folder}/b'), write=(), net=('example.com',), "
        "env=('A', 'B'))"
    )


def test_permissions_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Permissions().read = True  # type: ignore[misc]


def test_permissions_are_the_same_in_another_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    permissions = Permissions(read=["data"])
    data = pickle.dumps(permissions)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert pickle.loads(data) == permissions
    assert permissions.allows_read(folder / "data" / "x")
    assert not permissions.allows_read("data/x")


def test_a_folder_includes_what_is_below_it_and_nothing_beside_it(folder: Path) -> None:
    permissions = Permissions(read=["data"], write=["/"])
    for inside in ("data", "data/", "data/x/y", "./data/x", "x/../data", folder / "data"):
        assert permissions.allows_read(inside), inside
    for outside in ("", ".", "data2", "data/..", "data/../x", "/data", folder.parent):
        assert not permissions.allows_read(outside), outside
    assert permissions.allows_write("/etc/passwd")


def test_a_prefix_includes_the_variables_that_start_with_it() -> None:
    permissions = Permissions(env=["APP_*", "HOME"])
    assert [permissions.allows_env(name) for name in ("APP_", "APP_X", "HOME")] == [True] * 3
    assert [permissions.allows_env(name) for name in ("APP", "app_x", "HOME2")] == [False] * 3
    assert not Permissions(env=["LLM*"]).allows_env("LLMSPELL_MASTER_KEY")


def test_narrow_keeps_what_it_does_not_name() -> None:
    permissions = Permissions(read=True, net=["example.com"], env=["A"])
    narrow = permissions.narrow(read=["data"], env=())
    assert narrow == Permissions(read=["data"], net=["example.com"])


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ({"read": ["data"]}, {"read": ["data/x"]}),
        ({"read": ["/"]}, {"read": ["x"]}),
        ({"read": True}, {"read": True}),
        ({"net": ["*.example.com"]}, {"net": ["a.example.com:443"]}),
        ({"net": ["*"]}, {"net": ["*.example.com"]}),
        ({"net": ["10.0.0.0/8"]}, {"net": ["10.1.0.0/16", "10.2.3.4:80"]}),
        ({"env": ["APP_*"]}, {"env": ["APP_X", "APP_Y_*"]}),
    ],
)
def test_narrow_gives_what_is_within_the_permissions(held: dict, wanted: dict) -> None:
    assert Permissions(**held).narrow(**wanted) == Permissions(**wanted)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ({}, {"read": ["x"]}),
        ({"read": ["data/x"]}, {"read": ["data"]}),
        ({"read": ["data"]}, {"read": ["data2"]}),
        ({"read": ["data"]}, {"write": ["data"]}),
        ({"read": ["data"]}, {"read": True}),
        ({"net": ["example.com:443"]}, {"net": ["example.com"]}),
        ({"net": ["*.example.com"]}, {"net": ["example.com"]}),
        ({"net": ["*"]}, {"net": ["10.0.0.1"]}),
        ({"net": ["10.0.0.0/8"]}, {"net": ["10.0.0.0/7"]}),
        ({"net": ["10.0.0.0/8"]}, {"net": ["::/0"]}),
        ({"env": ["APP_X"]}, {"env": ["APP_*"]}),
    ],
)
def test_narrow_never_widens(held: dict, wanted: dict) -> None:
    with pytest.raises(PermissionDenied) as caught:
        Permissions(**held).narrow(**wanted)
    assert caught.value.details["permission"] == next(iter(wanted))


def test_two_permissions_together_permit_what_either_does() -> None:
    both = Permissions(read=["a"], net=["x.org"]) | Permissions(read=["b"], net=True, env=["E"])
    assert both == Permissions(read=["a", "b"], net=True, env=["E"])


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *((kind, given) for kind in KINDS for given in ("text", b"x", 1, None, [1], [""], [b"x"])),
        ("read", [" "]),
        ("read", ["a\0b"]),
        ("read", ["data/*"]),
        ("write", ["*"]),
        ("net", ["https://example.com/x"]),
        ("net", ["example.com/x"]),
        ("net", ["exa mple.com"]),
        ("net", ["example.com:0"]),
        ("net", ["example.com:99999"]),
        ("net", ["ex*mple.com"]),
        ("net", ["10.0.0.1/8"]),
        ("net", ["user@example.com"]),
        ("net", ["-x.com"]),
        ("net", ["fe80::1%eth0"]),
        ("net", ["a" * 64 + ".com"]),
        ("env", ["A=B"]),
        ("env", ["A\0"]),
        ("env", ["*"]),
        ("env", ["A*B"]),
    ],
)
def test_an_entry_that_means_nothing_is_refused(kind: str, given: object) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Permissions(**{kind: given})
    assert caught.value.details["parameter"] == kind


def test_a_run_has_the_permissions_it_is_given_in_place_of_the_runtimes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_A", "a")
    code = "return Env.get('APP_A')"
    with Runtime(profile="minimal", permissions=Permissions(env=["APP_*"])) as runtime:
        assert runtime.execute(code, engine="lua").value == "a"
        narrow = runtime.permissions.narrow(env=())
        with pytest.raises(ScriptError, match="not permitted"):
            runtime.execute(code, engine="lua", permissions=narrow)
        assert runtime.execute(code, engine="lua").value == "a"


@pytest.mark.parametrize("wrong", [{"read": True}, True, "all", Permissions])
def test_what_is_no_permissions_object_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidArgument):
        Runtime(permissions=wrong)  # type: ignore[arg-type]


def test_a_session_has_the_permissions_of_its_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_A", "a")
    with (
        Runtime(profile="minimal", permissions=Permissions(env=["APP_A"])) as runtime,
        runtime.session("lua") as session,
    ):
        assert session.evaluate("Env.get('APP_A')") == '"a"'


def test_the_runs_of_a_map_in_other_processes_have_the_permissions_of_the_runtime(
    folder: Path,
) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "a").write_text("one")
    (folder / "b").write_text("two")
    script = Script("local ok, text = pcall(Fs.read, INPUT) return ok and text", engine="lua")
    permissions = Permissions(read=["data"])
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        Runtime(permissions=permissions) as runtime,
    ):
        results = runtime.map(script, ["data/a", "b"], executor=pool)
        assert [result.value for result in results] == ["one", False]
