"""``[permissions]``: the configuration permits what scripts may do, and its mistakes are found."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from llmspell import Config, Permissions, Runtime, load_config
from llmspell.errors import ConfigError


def test_nothing_is_permitted_unless_the_configuration_says_so() -> None:
    assert Config().permissions.granted() == Permissions.none()


def test_each_key_permits_entries_or_everything(folder: Path) -> None:
    (folder / "c.toml").write_text(
        '[permissions]\nread = ["data"]\nwrite = true\nnet = ["*.example.com"]\nenv = false\n'
    )
    expected = Permissions(read=["data"], write=True, net=["*.example.com"])
    assert load_config("c.toml", environ={}).permissions.granted() == expected
    with Runtime("c.toml") as runtime:
        assert runtime.permissions == expected
    with Runtime("c.toml", permissions=Permissions(env=["A"])) as runtime:
        assert runtime.permissions == Permissions(env=["A"])


def test_variables_set_the_keys_as_they_are_written_in_toml() -> None:
    environ = {"LLMSPELL_PERMISSIONS__ENV": '["A", "B_*"]', "LLMSPELL_PERMISSIONS__NET": "true"}
    granted = load_config(environ=environ).permissions.granted()
    assert granted == Permissions(env=["A", "B_*"], net=True)


def test_a_shown_configuration_can_be_loaded_again(tmp_path: Path) -> None:
    config = load_config(
        environ={}, overrides={"permissions.read": ["a b", 'c"d'], "permissions.net": True}
    )
    path = tmp_path / "shown.toml"
    path.write_text(config.to_toml())
    assert tomllib.loads(config.to_toml())["permissions"]["read"] == ["a b", 'c"d']
    assert load_config(path, environ={}) == config


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('read = "data"', 'permissions.read must be true, false or a list of texts, not "data"'),
        ("read = [1]", "permissions.read must be true, false or a list of texts"),
        ("net = {}", "permissions.net must be true, false or a list of texts, not a table"),
        ('read = [""]', "permissions.read is wrong: an empty text names no file or folder"),
        ('write = ["a/*"]', "permissions.write is wrong: there are no patterns"),
        ('net = ["http://a/"]', "permissions.net is wrong: 'http://a/' is an address of a page"),
        ('env = ["A=B"]', "permissions.env is wrong: a name holds no ="),
        ('network = ["a"]', 'unknown key "permissions.network"'),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f"[permissions]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={})
    assert str(caught.value).startswith(f"{path}:2: {message}")
