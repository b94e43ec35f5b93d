"""``types``: files that editors read."""

from __future__ import annotations

from .conftest import Program


def test_types_are_written_for_both_languages(llmspell: Program) -> None:
    done = llmspell("types", "types")
    assert done.returncode == 0
    for name in ("llmspell.d.ts", "llmspell.lua"):
        assert "State" in (llmspell.folder / "types" / name).read_text()
        assert name in done.stdout


def test_a_folder_that_cannot_be_written_is_one_clear_error(llmspell: Program) -> None:
    llmspell.write("types", "a file stands here")
    done = llmspell("types", "types")
    assert done.returncode == 2
    assert "cannot write into types" in done.stderr
