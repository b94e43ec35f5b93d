"""Attacks by ``require``: out of the script's folder, or on whoever reads the files.

They run as a file in the folder that ``hosts/tree.py`` plants. In the plain embedding ``require``
reads ``folder + name`` and runs it, as hosts do that write their own.
"""

from __future__ import annotations

from typing import Final

from .row import BLOATS, HANGS, KEPT, REACHED, Attack, Bare, Fails, Held, Limited, raises, shows

__all__ = ["MODULES"]

_MISSING: Final = Fails("module_not_found")


def _lua(
    name: str, wanted: str, bare_name: str, bare: Bare = REACHED, held: Held = _MISSING
) -> Attack:
    return Attack(
        name=name,
        language="lua",
        script=f"return require({wanted})",
        bare_script=f"return require({bare_name})",
        bare=bare,
        held=held,
        in_tree=True,
    )


def _js(
    name: str, wanted: str, bare: Bare = REACHED, held: Held = _MISSING, bare_name: str = ""
) -> Attack:
    return Attack(
        name=name,
        language="js",
        script=f"require({wanted})",
        bare_script=f"require({bare_name or wanted})",
        bare=bare,
        held=held,
        in_tree=True,
    )


def _js_caught(name: str, wanted: str, held: Held) -> Attack:
    """Return a row whose plain embedding keeps a Python exception that the script caught."""
    return Attack(
        name=name,
        language="js",
        script=f"require({wanted})",
        bare_script=f"try {{ require({wanted}) }} catch {{}}",
        bare=raises("SystemError"),
        held=held,
        in_tree=True,
    )


# A file outside is missing, whether it is there or not.
_ORACLE_LUA: Final = (
    "local _, there = pcall(require, '../secret') local _, gone = pcall(require, '../nothing')\n"
    "local function text(e) return (tostring(type(e) == 'table' and e.message or e):gsub('secret', 'X')"
    ":gsub('nothing', 'X')) end\n"
    "return text(there) == text(gone) and 'held' or 'reached'"
)
_ORACLE_JS: Final = (
    "const told = (name) => { try { return typeof require(name) } catch (e) {"
    " return String(e.message).replaceAll('secret', 'X').replaceAll('nothing', 'X') } };"
    " told('../secret.js') === told('../nothing.js') ? 'held' : 'reached'"
)

_LUA_ROWS: Final = [
    _lua("Lua requires a file above its folder", "'../secret'", "'../secret.lua'"),
    _lua(
        "Lua requires a file above its folder through a folder in it",
        "'lib/../../secret'",
        "'out/secret.lua'",
    ),
    _lua("Lua requires a file above its folder by dots", "'...secret'", "'../secret.lua'"),
    _lua(
        "Lua requires an absolute path",
        "'/etc/passwd'",
        "'/etc/passwd'",
        raises("SyntaxFailure"),
        _MISSING,
    ),
    _lua("Lua requires by a link that leads out", "'link'", "'link.lua'"),
    _lua("Lua requires through a linked folder that leads out", "'out.secret'", "'out/secret.lua'"),
    _lua("Lua requires a folder beside its own by a link", "'out/secret'", "'out/secret/init.lua'"),
    _lua("Lua requires a hidden file", "'.hidden'", "'.hidden.lua'"),
    _lua(
        "Lua requires a name with a NUL", "'fine\\0.txt'", "'fine.lua\\0.txt'", raises("ValueError")
    ),
    _lua("Lua requires by backslashes", "'..\\\\secret'", "('..\\\\secret.lua'):gsub('\\\\', '/')"),
    _lua("Lua requires a pipe that nobody writes to", "'pipe'", "'pipe.lua'", HANGS),
    _lua("Lua requires a device that never ends", "'device'", "'device.lua'", BLOATS),
    _lua("Lua requires a folder", "'folder.lua'", "'folder.lua'", raises("IsADirectoryError")),
    _lua(
        "Lua requires what the kernel tells of the host",
        "'/proc/self/environ'",
        "'/proc/self/environ'",
        raises("SyntaxFailure"),
    ),
    _lua(
        "Lua requires bytes that are no text",
        "'bytes'",
        "'bytes.lua'",
        raises("UnicodeDecodeError"),
        Fails("module_error"),
    ),
    _lua(
        "Lua requires bytecode",
        "'bytecode'",
        "'bytecode.lua'",
        raises("SyntaxFailure"),
        Fails("module_error"),
    ),
    _lua(
        "Lua requires a file of many millions of bytes",
        "'big'",
        "'big.lua') and 'reached' or ('x'",
        REACHED,
        Limited("module_bytes"),
    ),
    Attack(
        name="Lua requires a module that requires it",
        language="lua",
        script="return require('a')",
        bare=HANGS,
        held=Fails("module_error"),
        in_tree=True,
    ),
    _lua(
        "Lua requires a module that never ends",
        "'loops'",
        "'loops.lua'",
        HANGS,
        Limited("timeout_s"),
    ),
    _lua(
        "Lua requires a name of a million bytes",
        "('x'):rep(1000000)",
        "('x'):rep(1000000)",
        raises("OSError"),
        Fails(""),
    ),
    _lua(
        "Lua requires a table instead of a name",
        "{}",
        "{}",
        raises("TypeError"),
        Fails("invalid_argument"),
    ),
    _lua(
        "Lua requires a name that is no Unicode",
        "'\\255'",
        "'\\255'",
        raises("UnicodeDecodeError"),
        Fails(""),
    ),
    Attack(
        name="Lua learns from require which files there are outside",
        language="lua",
        script=_ORACLE_LUA,
        bare_script=(
            "return pcall(require, '../secret.lua') ~= pcall(require, '../nothing.lua') and 'reached'"
        ),
        bare=REACHED,
        held=KEPT,
        in_tree=True,
    ),
    Attack(
        name="Lua replaces what require looks things up in",
        language="lua",
        script=(
            "for name, value in pairs({path = '/etc/?', searchers = {print}, loaders = {print}}) do\n"
            "  pcall(function() package[name] = value end)\nend\n"
            "local ok = pcall(require, 'passwd') return not ok and require('fine').name == 'fine' and 'held'"
        ),
        bare_script="package.path = '/etc/?' return io.open('/etc/passwd') and 'reached'",
        bare=REACHED,
        held=KEPT,
        in_tree=True,
    ),
    Attack(
        name="Lua lets a module take away what require needs",
        language="lua",
        script="local r = require r('poison') return r('fine').name == 'fine' and 'held'",
        bare_script="string.gsub = error require = nil return not pcall(function() require('x') end) and 'reached'",
        bare=REACHED,
        held=KEPT,
        in_tree=True,
    ),
]

_JS_ROWS: Final = [
    _js("JavaScript requires a file above its folder", "'../secret.js'"),
    _js(
        "JavaScript requires a file above its folder through a folder in it",
        "'./out/../../secret.js'",
        bare_name="'out/secret.js'",
    ),
    _js("JavaScript requires an absolute path", "'/etc/passwd'", shows("read")),
    _js(
        "JavaScript requires a URL of a file",
        "'file:///etc/passwd'",
        bare_name="'/etc/passwd'",
        bare=shows("read"),
    ),
    _js("JavaScript requires by a link that leads out", "'./link.js'"),
    _js("JavaScript requires through a linked folder that leads out", "'./out/secret.js'"),
    _js(
        "JavaScript requires data above its folder", "'../secret.json'", bare_name="'../secret.js'"
    ),
    _js("JavaScript requires a hidden file", "'./.hidden.js'"),
    _js(
        "JavaScript requires a name with percent signs",
        "'./%2e%2e/secret.js'",
        bare_name="decodeURIComponent('%2e%2e/secret.js')",
    ),
    _js(
        "JavaScript requires a name with a NUL",
        "'./fine.js\\0.txt'",
        shows("fine"),
        bare_name="'fine.js\\0.txt'",
    ),
    _js(
        "JavaScript requires by backslashes",
        "'..\\\\secret.js'",
        bare_name="'..\\\\secret.js'.replace('\\\\', '/')",
    ),
    _js("JavaScript requires a pipe that nobody writes to", "'./pipe.js'", HANGS),
    _js("JavaScript requires a device that never ends", "'./device.js'", BLOATS),
    _js(
        "JavaScript requires what the kernel tells of the host",
        "'/proc/self/environ'",
        shows("read"),
    ),
    _js_caught("JavaScript requires bytes that are no text", "'./bytes.js'", Fails("module_error")),
    Attack(
        name="JavaScript requires a file of many millions of bytes",
        language="js",
        script="require('./big.js')",
        bare_script="require('./big.js').length > 8e6 ? 'reached' : ''",
        bare=REACHED,
        held=Limited("module_bytes"),
        in_tree=True,
    ),
    _js(
        "JavaScript requires a module that never ends", "'./loops.js'", HANGS, Limited("timeout_s")
    ),
    Attack(
        name="JavaScript requires a module that breaks out of its function",
        language="js",
        script="require('./breaks.js')",
        bare_script="require('./breaks.js'); globalThis.broken",
        bare=REACHED,
        held=Fails("syntax_error", "breaks.js:1"),
        in_tree=True,
    ),
    _js(
        "JavaScript requires an object instead of a name",
        "{ toString: () => '../secret.js' }",
        held=Fails("invalid_"),
        bare_name="'' + { toString: () => '../secret.js' }",
    ),
    _js_caught("JavaScript requires half of a character", "'\\ud800'", Fails("")),
    Attack(
        name="JavaScript learns from require which files there are outside",
        language="js",
        script=_ORACLE_JS,
        bare_script=(
            "const is = (n) => { try { require(n); return 1 } catch { return 0 } };"
            " is('../secret.js') ? 'reached' : ''"
        ),
        bare=REACHED,
        held=KEPT,
        in_tree=True,
    ),
    Attack(
        name="JavaScript requires modules in a circle",
        language="js",
        script="require('./a.js').seen === 'a' && require('./b.js').a === true ? 'held' : ''",
        bare_script="try { require('./a.js') } catch (e) { 'reached' }",
        bare=REACHED,
        held=KEPT,
        in_tree=True,
    ),
    Attack(
        name="JavaScript imports a module past require",
        language="js",
        script="await import('../secret.js')",
        bare_script="globalThis.verdict = typeof require('../secret.js') === 'string' ? 'reached' : ''",
        bare=REACHED,
        held=Fails(""),
        in_tree=True,
    ),
    Attack(
        name="JavaScript lets a module take away what require needs",
        language="js",
        script="const r = require; r('./poison.js'); r('./fine.js').name === 'fine' ? 'held' : ''",
        bare_script="Function.prototype.call = null; globalThis.require = null; typeof require === 'object' ? 'reached' : ''",
        bare=REACHED,
        held=KEPT,
        in_tree=True,
    ),
    Attack(
        name="JavaScript changes the cache of modules",
        language="js",
        script=(
            "try { require.cache = { './fine.js': { exports: 5 } }; module.paths = ['/etc'];"
            " module.constructor._load = () => 5 } catch {}"
            " require('./fine.js').name === 'fine' ? 'held' : ''"
        ),
        bare_script="globalThis.require = () => 'reached'; require('./fine.js')",
        bare=REACHED,
        held=KEPT,
        in_tree=True,
    ),
]

MODULES: Final = [*_LUA_ROWS, *_JS_ROWS]
