"""The official tests of Lua 5.4, out of the source distribution of the binding: got, and cut.

The files are others' work and stay where they are: they are fetched when a test wants them, and
kept in pytest's cache. What needs more than the language and the safe libraries is cut out of the
text by the table below.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

__all__ = ["FILES", "fetched", "prepared"]

FILES: Final = [
    "big",
    "bitwise",
    "bwcoercion",
    "calls",
    "closure",
    "constructs",
    "coroutine",
    "errors",
    "events",
    "goto",
    "literals",
    "locals",
    "math",
    "nextvar",
    "pm",
    "sort",
    "strings",
    "tpack",
    "utf8",
    "vararg",
]

# Switches of the suite: leave out what depends on the platform, needs much, or needs its C library.
_SWITCHES: Final = "_port, _soft, _nomsg = true, true, true "

_EVERYWHERE: Final = [
    # There is no such library; the tests of it are cut below, line by line or as a whole.
    (r"""require\s*\(?["']debug["']\)?""", "nil"),
    (r"""require\s*["']tracegc["']""", "{start = print, stop = print}"),
]
_ALONE: Final = (
    r"^\s*(?:assert|checkmessage)\s*\(.*(?:\bdebug\.|\bio\.|string\.dump|\bD\.).*\)\s*(?:--.*)?$"
    r"|^debug\.\w+\(.*\)$"
)

#: By file: what is cut (or replaced by something that needs less), each with its reason.
_BYTECODE, _DEBUG, _IO, _GC = "makes bytecode", "asks debug", "asks io or os", "asks the collector"
_CUTS: Final[dict[str, list[tuple[str, str, str]]]] = {
    "calls": [
        (_BYTECODE, r"^f = load\(string\.dump\(function \(\) return 1.*?^_G\.x = nil\n", ""),
        (_BYTECODE, r"^local d = string\.dump\(h\).*?^assert\(x\(\) == 123\)\n", ""),
        (_BYTECODE, r"^x = string\.dump\(a\)\n.*?(?=^-- test for long method names)", ""),
        (_BYTECODE, r'^print\("testing binary chunks"\).*?(?=^print\W+OK)', ""),
        ("returns a function, which no run can hand over", r"^return deep$", ""),
    ],
    "closure": [(_DEBUG, r"^local debug = nil.*?(?=^print\W+OK)", "")],
    "coroutine": [
        (_DEBUG, r"Y = debug\.getinfo\(2\)", 'Y = {what = "C"}'),
        (_DEBUG, r"^do   -- testing single trace of coroutines.*?^end\n", ""),
        (_DEBUG, r"^debug\.setupvalue\(f, 1, g\)\n.*?(?=^print)", ""),
    ],
    "errors": [
        (_GC, r"^checkmessage\(\[\[collectgarbage\(.*?$", ""),
        (_DEBUG, r"^_G\.D = debug.*?^_G\.D = nil\n", ""),
        (_BYTECODE, r"^-- errors in functions without debug info\ndo.*?^end\n", ""),
    ],
    "events": [
        (
            _DEBUG,
            r"^-- testing metatables for basic types.*?^debug\.setmetatable\(nil, nil\)\n",
            "",
        )
    ],
    "goto": [(_DEBUG, r"^\s*assert\(\(debug.upvalueid.*?\n.*?\n", "")],
    "literals": [
        (
            _DEBUG,
            r"^local function lexstring.*?^end\n",
            'local function lexstring(x, y) assert(load("return " .. x)() == y) end\n',
        ),
        (_DEBUG, r"^  assert\(dostring\(prog\) == nn\)", "  dostring(prog)"),
        (_DEBUG, r"^return nil\.getinfo\(1\)\.currentline", ""),
        (_IO, r'os.setlocale\("pt_BR"\).*?then', "false then"),
    ],
    "locals": [
        (_DEBUG, r"^local function getenv.*?^end\n", ""),
        (_DEBUG, r"^assert\(getenv.*?$", ""),
        (_DEBUG, r"debug\.traceback\)", "function(m) return m end)"),
        (_DEBUG, r"assert\(string.find\(msg, \"in metamethod 'close'\"\)\)", ""),
        (_DEBUG, r"^do   -- '__close' vs\. return hooks in Lua.*?^end\n", ""),
    ],
    "nextvar": [(_IO, r"io\.stdin", "coroutine.create(print)")],
}

# Finds the source distribution by the index that pip is set up with, whichever that is.
_FETCH: Final = """
import hashlib, os, sys
from pip._internal.commands import create_command
from pip._vendor.packaging.specifiers import SpecifierSet

name, version, folder = sys.argv[1:]
command = create_command("download")
options, _ = command.parse_args(
    ["--no-deps", "--no-binary", name, "--timeout", "10", "--retries", "0", "--quiet", name])
with command.main_context():
    session = command.get_default_session(options)
    finder = command._build_package_finder(options, session)
    found = finder.find_best_candidate(name, SpecifierSet("==" + version)).best_candidate
    answer = session.get(found.link.url_without_fragment)
    answer.raise_for_status()
    if found.link.hash_name == "sha256":
        assert hashlib.sha256(answer.content).hexdigest() == found.link.hash
    with open(folder + "/part", "wb") as file:
        file.write(answer.content)
    os.replace(folder + "/part", folder + "/sdist.tar.gz")
"""


def fetched(cache: Path) -> dict[str, str] | None:
    """Return the files of the suite by name, or ``None`` where they cannot be had.

    ``cache`` is a folder that survives; a file that is in it is not fetched again.
    """
    release = version("lupa")
    folder = cache / release
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "sdist.tar.gz"
    if not archive.exists():
        try:
            subprocess.run(
                [sys.executable, "-c", _FETCH, "lupa", release, str(folder)],
                capture_output=True,
                timeout=60,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as files:
        return {
            Path(member.name).stem: _text(files.extractfile(member).read())  # type: ignore[union-attr]
            for member in files.getmembers()
            if re.search(r"/lua54/testes/\w+\.lua$", member.name)
        }


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def prepared(name: str, source: str) -> str:
    """Return a file's text as it can run here. Raises ``LookupError`` for a cut that finds nothing."""
    for pattern, instead in _EVERYWHERE:
        source = re.sub(pattern, instead, source)
    for reason, pattern, instead in _CUTS.get(name, []):
        source, count = re.subn(pattern, instead, source, flags=re.DOTALL | re.MULTILINE)
        if not count:
            raise LookupError(f"{name}.lua has nothing that {reason} where {pattern!r} looks")
    return _SWITCHES + re.sub(_ALONE, "", source, flags=re.MULTILINE)
