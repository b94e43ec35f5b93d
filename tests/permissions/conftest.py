"""A folder to work in, and calls of one function from a script of either language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmspell import Permissions, Runtime, ScriptError

CODE = {
    "lua": "return {0}(table.unpack(INPUT, 1, {1}))",
    "js": "return await {0}(...INPUT)",
}


class Host:
    """Runs calls in one language with the permissions of the moment."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.permissions = Permissions.none()

    def __call__(self, function: str, *arguments: Any) -> Any:
        """Call a function of a global as a script does, and return what the script got."""
        code = CODE[self.engine].format(function, len(arguments))
        with Runtime(profile="minimal", permissions=self.permissions) as runtime:
            return runtime.execute(code, engine=self.engine, input=list(arguments)).value

    def refusal(self, function: str, *arguments: Any) -> ScriptError:
        """Return the error of a call that must fail."""
        with pytest.raises(ScriptError) as caught:
            self(function, *arguments)
        return caught.value

    def permit(self, **grants: Any) -> None:
        """Permit this and nothing else from now on."""
        self.permissions = Permissions(**grants)

    def write(self, name: str, content: str | bytes = "") -> Path:
        """Put a file in the folder, from outside the sandbox."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["lua", "js"])
def host(request: pytest.FixtureRequest, folder: Path) -> Host:
    """A host for each language."""
    return Host(request.param, folder)


@pytest.fixture
def lua(folder: Path) -> Host:
    """A host for what both languages share the code of."""
    return Host("lua", folder)
