"""Master keys in files: read ones that nobody else can read, and write new ones."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import sys
from pathlib import Path
from typing import Final

from llmspell.errors import ConfigError
from llmspell.security.keys.master_key import MasterKey

__all__ = ["read_key_file", "write_key_file"]

_MAX_BYTES: Final = 4096
_OWNER_ALONE: Final = 0o600
_OTHERS: Final = 0o077
_O_BINARY: Final[int] = getattr(os, "O_BINARY", 0)


def read_key_file(path: Path) -> MasterKey:
    """Read the master key in a file: one key as text, see ``MasterKey.parse``.

    Follows links, and looks at the permissions of the very file that it reads. Raises
    ConfigError when that is missing, no regular file or empty, or when anybody but its owner
    may do anything with it; Windows keeps such rights elsewhere, they are not checked there.
    """
    try:
        # Without O_NONBLOCK a named pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _O_BINARY)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    try:
        _check(path, os.fstat(descriptor))
        content = os.read(descriptor, _MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    if len(content) > _MAX_BYTES:
        raise _refused(path, f"is larger than {_MAX_BYTES:,} bytes, it holds more than a key")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Not `from`: the error would carry the content.
        text = None
    if text is None:
        raise _refused(path, "is not text", hint="it holds one key, as hex digits or base64")
    return MasterKey.parse(text, origin=f"the key file {path}")


def write_key_file(path: Path) -> MasterKey:
    """Make a new random master key and write it to a new file that its owner alone can read.

    Never overwrites: with a lost key everything it protects is lost. The file is on the disk
    when this returns; when it cannot be written whole, none is left. Raises ConfigError.
    """
    key = MasterKey.random()
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _O_BINARY
        descriptor = os.open(path, flags, _OWNER_ALONE)
    except FileExistsError as error:
        raise _refused(
            path,
            "is there already; it was not changed",
            hint="choose another name: what an old key protects cannot be read without it",
        ) from error
    except (OSError, ValueError) as error:
        raise _unwritten(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            if hasattr(os, "fchmod"):  # the umask may have taken the owner's own rights
                os.fchmod(file.fileno(), _OWNER_ALONE)
            file.write(key.hex().encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise _unwritten(path, error) from error
    return key


def _check(path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        kind = "a directory" if stat.S_ISDIR(facts.st_mode) else "no regular file"
        raise _refused(path, f"is {kind}", hint="name the file that holds the key")
    if sys.platform != "win32" and facts.st_mode & _OTHERS:
        mode = stat.S_IMODE(facts.st_mode)
        raise _refused(
            path,
            f"can be used by others than its owner (mode {mode:04o})",
            hint=f"chmod 600 {shlex.quote(str(path))}",
        )
    if facts.st_size == 0:
        raise _refused(path, "is empty", hint="`llmspell keys generate` makes a key")


def _sync_folder(path: Path) -> None:
    """Make the name of a new file last; not every system can."""
    if sys.platform == "win32":
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refused(path: Path, what: str, *, hint: str | None = None) -> ConfigError:
    return ConfigError(f"the key file {path} {what}", hint=hint, file=str(path))


def _unreadable(path: Path, error: Exception) -> ConfigError:
    if isinstance(error, FileNotFoundError):
        hint = (
            "mend the path, or bring the file back from its copy: another key opens nothing that"
            " was encrypted with this one; for a new store `llmspell keys generate` makes one"
        )
        return _refused(path, "does not exist", hint=hint)
    reason = getattr(error, "strerror", None) or "bad path"
    return _refused(path, f"cannot be read: {reason}")


def _unwritten(path: Path, error: Exception) -> ConfigError:
    reason = getattr(error, "strerror", None) or "bad path"
    return _refused(path, f"cannot be written: {reason}", hint="is there such a folder, with room?")
