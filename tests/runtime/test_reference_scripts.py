"""Scripts that were written for the described API run unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.config import Config

SCRIPTS = Path(__file__).parents[1] / "reference_scripts"


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    config = Config(state={"path": str(tmp_path / "state.db")})  # type: ignore[arg-type]
    with Runtime(config) as runtime:
        yield runtime


def script(name: str) -> str:
    return (SCRIPTS / name).read_text(encoding="utf-8")


def test_basic_operations_print_what_they_saved(runtime: Runtime) -> None:
    result = runtime.run(SCRIPTS / "basic_operations.lua")
    assert result.output.splitlines() == [
        "Loaded config:",
        "  Theme: dark",
        "  Version: 1.0.0",
        "  Auto-save: true",
    ]
    assert runtime.state.load("global", "app_config")["features"] == {
        "auto_save": True,
        "notifications": False,
    }


def test_preferences_are_made_once_and_then_kept(runtime: Runtime) -> None:
    driver = """
    local first = load_user_preferences("42")
    first.theme = "dark"
    return {save_user_preferences("42", first), load_user_preferences("42").theme,
      save_user_preferences("42", {bad = print})}
    """
    result = runtime.execute(script("preferences.lua") + driver, engine="lua")
    assert result.value == [True, "dark", False]
    assert result.output.startswith("Error saving preferences: State.save: $.bad is a function")
    assert runtime.state.load("user:42", "preferences")["language"] == "en"


def test_a_failing_operation_is_reported_and_recorded(runtime: Runtime) -> None:
    defaults = "function get_default_preferences() return {theme = 'light'} end\n"
    driver = """
    local value, problem = safe_state_operation("bad", function() State.save("", "k", 1) end)
    return {preferences.theme, value == nil, problem.code}
    """
    source = defaults + script("error_handling.lua") + driver
    result = runtime.execute(source, engine="lua")
    assert result.value == ["light", True, "invalid_scope"]
    assert "Using default preferences due to error: nil" in result.output
    [entry] = runtime.state.load("system", "error_log")
    assert entry["operation"] == "bad"
    assert "the scope is empty" in entry["error"]
