"""The table ``[state.access]``: what it means, and mistakes in it told with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmspell.config import Config, load_config
from llmspell.errors import ConfigError
from llmspell.security.access import Permission

SWITCH = "[state.security]\naccess_control_enabled = true\n"
GOOD = (
    SWITCH
    + """
[state.access.roles.editor]
grants = [
    { scope = "docs:*", permission = "read_write", time = { daily = "22:00-06:00" } },
    { scope = "user:{actor}", permission = "read,delete", until = 2031-01-01T00:00:00Z },
]

[state.access.actors."agent:gpt-4"]
roles = ["editor"]
grants = [{ scope = "global", permission = "read", rate = "10/60s", address = ["10.0.0.0/8"] }]
"""
)


def loaded(folder: Path, text: str) -> Config:
    (folder / "c.toml").write_text(text, encoding="utf-8")
    return load_config(folder / "c.toml", environ={})


def test_roles_and_actors_become_grants_named_by_their_place(tmp_path: Path) -> None:
    config = loaded(tmp_path, GOOD)
    policy = config.state.access.policy()
    assert [each.id for each in policy.grants] == [
        "roles.editor.grants[0]",
        "roles.editor.grants[1]",
        "actors.agent:gpt-4.grants[0]",
    ]
    assert policy.grants[1].permission == Permission.READ | Permission.DELETE
    assert policy.roles_of == {"agent:gpt-4": ("editor",)}
    assert policy.holdings("agent:gpt-4").owns("agent:gpt-4")


def test_what_is_written_of_a_configuration_reads_as_the_same(tmp_path: Path) -> None:
    config = loaded(tmp_path, GOOD)
    assert loaded(tmp_path, config.to_toml()) == config
    assert config.to_dict()["state"]["access"]["actors"]["agent:gpt-4"]["roles"] == ("editor",)


def test_without_the_switch_nothing_is_asked(tmp_path: Path) -> None:
    assert (
        loaded(tmp_path, GOOD.removeprefix(SWITCH)).state.security.access_control_enabled is False
    )


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('grants = [{scope = "a", permission = "ReadOnly"}]', 2, "did you mean 'read'?"),
        ('grants = [{scope = "a", permission = "read", rate = "fast"}]', 2, "rate must be"),
        ('grants = [{permission = "read"}]', 2, "grant 1 is wrong: a grant needs its scope"),
        ('grants = [{scope = "a", permission = "read"}, {}]', 2, "grant 2 is wrong"),
        ('grants = [{scope = "custom:a", permission = "read"}]', 2, "write a"),
        ('grants = [{scope = "a", permission = "read", actor = "x"}]', 2, "has no 'actor'"),
        (
            'grants = [{scope = "a", permission = "read", until = "soon"}]',
            2,
            "until must be a time",
        ),
        ('grants = [{scope = "a", permission = "read", size = "1k"}]', 2, "size must be a number"),
        ('grants = [{scope = "a", permission = "read", encryption = false}]', 2, "must be true"),
        ('grants = "all"', 2, "must be a list of grants"),
        ("grant = []", 2, 'did you mean "state.access.actors.ada.grants"?'),
        ('roles = ["editr"]', 1, 'the role "editr", of no table'),
        ("roles = [7]", 2, "must be a list of texts"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"[state.access.actors.ada]\n{text}\n")
    error = caught.value
    assert told in f"{error.message}\n{error.hint}"
    assert error.details["line"] == line


@pytest.mark.parametrize("name", ['""', '" ada"', '"a\\u0007"', f'"{"x" * 201}"'])
def test_an_actor_or_a_role_has_a_printable_name(tmp_path: Path, name: str) -> None:
    for table in ("actors", "roles"):
        with pytest.raises(ConfigError, match=f"a name in {table} must"):
            loaded(tmp_path, f"[state.access.{table}.{name}]\n")


def test_a_role_that_is_misspelt_is_told_with_the_one_there_is(tmp_path: Path) -> None:
    text = '[state.access.roles.editor]\n[state.access.actors.ada]\nroles = ["editr"]\n'
    with pytest.raises(ConfigError, match='did you mean "editor"'):
        loaded(tmp_path, text)
