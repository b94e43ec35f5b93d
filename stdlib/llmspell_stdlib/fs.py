"""The ``Fs`` global: files and folders, where the host permits it."""

from __future__ import annotations

from typing import Any, Final, Protocol

from llmspell_bridges.api import Global, Param, Record

__all__ = ["FS", "FileService"]


class FileService(Protocol):
    """What the ``Fs`` global needs of the host."""

    def read(self, path: str | bytes, *, encoding: str = ...) -> str | bytes: ...
    def write(
        self,
        path: str | bytes,
        content: str | bytes,
        *,
        append: bool = ...,
        create_dirs: bool = ...,
    ) -> None: ...
    def entries(self, path: str | bytes) -> list[dict[str, Any]]: ...
    def exists(self, path: str | bytes) -> bool: ...


class FileAccess(Protocol):
    """Makes the service when a script first needs it."""

    @property
    def files(self) -> FileService: ...


FS: Final = Global(
    "Fs",
    "Files and folders, where the permissions `read` and `write` include them.",
    records=[
        Record(
            "ReadOptions",
            "Options of `Fs.read`.",
            (Param("encoding", "text", '"utf-8" (the default), or "bytes" for what is no text.'),),
        ),
        Record(
            "WriteOptions",
            "Options of `Fs.write`.",
            (
                Param("append", "boolean", "Add the content at the end of the file."),
                Param("create_dirs", "boolean", "Make the folders of the path that are missing."),
            ),
        ),
    ],
)
_PATH: Final = Param("path", "data", "Relative paths start at the current folder of the program.")


@FS.function(
    _PATH,
    Param("options", "ReadOptions", "encoding", optional=True),
    result="data",
    reads=True,
)
def read(
    access: FileAccess, path: str | bytes, options: dict[str, Any] | None = None
) -> str | bytes:
    """Return the content of a file: text, or bytes when the options say so."""
    return access.files.read(path, **_given(options))


@FS.function(
    _PATH,
    Param("content", "data", "Text, which is written as UTF-8, or bytes."),
    Param("options", "WriteOptions", "append, create_dirs", optional=True),
)
def write(
    access: FileAccess,
    path: str | bytes,
    content: str | bytes,
    options: dict[str, Any] | None = None,
) -> None:
    """Write a file, in the place of what it held before.

    Others see the old content or the new, never a part of it, even if the script is ended.
    """
    access.files.write(path, content, **_given(options))


@FS.function(
    _PATH,
    name="list",
    result="list",
    result_doc="Maps with `name`, `kind` (file, directory, link, other) and, of a file, `size` in "
    "bytes, in the order of the names.",
    reads=True,
)
def entries(access: FileAccess, path: str | bytes) -> list[dict[str, Any]]:
    """Return what is in a folder."""
    return access.files.entries(path)


@FS.function(_PATH, result="boolean", reads=True)
def exists(access: FileAccess, path: str | bytes) -> bool:
    """Tell whether there is a file or folder of that name."""
    return access.files.exists(path)


def _given(options: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (options or {}).items() if value is not None}
