"""The official tests of Lua 5.4 pass here, as far as they need only the safe libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime

from .hosts.plain import printed_by_plain
from .lua_suite import FILES, fetched, prepared
from .test_conformance import FOLDER, levels, printed_here


@pytest.fixture(scope="module")
def suite(request: pytest.FixtureRequest) -> dict[str, str] | None:
    """The files of the suite; none on a machine that can reach no package index."""
    cache = request.config.cache
    assert cache is not None
    return fetched(cache.mkdir("lua-suite"))


@levels
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_official_suite_runs_to_its_end(
    name: str, suite: dict[str, str] | None, options: dict[str, Any], tmp_path: Path
) -> None:
    if suite is None:
        # What the suite is about is then told by scripts of our own alone.
        for own in sorted(FOLDER.glob("*.lua")):
            source = own.read_text(encoding="utf-8")
            assert printed_here("lua", source, own.name, options) == printed_by_plain(
                "lua", source, own.name
            )
        return
    for each in {name, "bwcoercion"}:  # which another one requires
        file = tmp_path / f"{each}.lua"
        file.write_text(prepared(each, suite[each]), encoding="utf-8")
    with Runtime(profile="minimal", **options) as runtime:
        runtime.run(tmp_path / f"{name}.lua")
