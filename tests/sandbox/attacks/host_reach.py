"""Attacks that reach for the host: its objects, files, processes, memory."""

from __future__ import annotations

from typing import Final

from .row import CRASHES, HANGS, KEPT, REACHED, Attack, Fails, Gives, raises

__all__ = ["HOST_REACH"]


def _lua(body: str) -> str:
    """Return a script that tells "reached" if the body did, and "held" however it failed."""
    return (
        f"local ok, got = pcall(function()\n{body}\nend)\n"
        "if ok and got == 'reached' then return 'reached' end\nreturn 'held'"
    )


def _js(body: str) -> str:
    return (
        f"(() => {{ try {{ return (() => {{\n{body}\n}})() === 'reached' ? 'reached' : 'held' }}"
        " catch { return 'held' } })()"
    )


# A sentence, and the body of a function that returns "reached" when it is.
_LUA_BODIES: Final = {
    "Lua evaluates a Python expression": "return python.eval('\"reached\"')",
    "Lua imports a Python module through the builtins": (
        "return python.builtins.__import__('os').getpid() > 0 and 'reached'"
    ),
    "Lua finds the table of the binding in the loaded packages": (
        "return package.loaded.python.eval('\"reached\"')"
    ),
    "Lua asks for the table of the binding by its name": (
        "return require('python').eval('\"reached\"')"
    ),
    "Lua reads the Python globals of a host function": (
        "return State.save.__func__.__globals__ and 'reached'"
    ),
    "Lua walks from a host object to every class of the host": (
        "return State.__class__.__base__.__subclasses__() and 'reached'"
    ),
    "Lua reads the code of a host function": "return State.save.__code__ and 'reached'",
    "Lua writes an attribute of a host object": (
        "State.values.x = 1 return type(State.values) == 'userdata' and 'reached'"
    ),
    "Lua walks the traceback of an error that a host function raised": (
        "local _, problem = pcall(State.save)\n"
        "return problem.__traceback__.tb_frame.f_builtins and 'reached'"
    ),
    "Lua reads the Python class of an error that a host function raised": (
        "local _, problem = pcall(State.load)\nreturn problem.__class__ and 'reached'"
    ),
    "Lua gets a message of Python with a class of the host in it": (
        "local _, problem = pcall(State.load)\n"
        "return tostring(problem):find('NaiveState', 1, true) and 'reached'"
    ),
    "Lua runs a program": "return os.execute('true') and 'reached'",
    "Lua reads the environment": "return os.getenv('PATH') and 'reached'",
    "Lua removes a file": "return os.remove('/nonexistent/file') == nil and 'reached'",
    "Lua renames a file": "return os.rename('/nonexistent/a', '/nonexistent/b') == nil and 'reached'",
    "Lua makes a temporary file": "local n = os.tmpname() os.remove(n) return n and 'reached'",
    "Lua changes the locale of the whole process": "return os.setlocale('C') and 'reached'",
    "Lua reads a file": "return io.open('/etc/passwd'):read() and 'reached'",
    "Lua reads a file line by line": "for line in io.lines('/etc/passwd') do return 'reached' end",
    "Lua writes to the standard error of the host": "return io.stderr:write('') and 'reached'",
    "Lua runs a file": "dofile('/dev/null') return 'reached'",
    "Lua compiles a file": "return loadfile('/dev/null') and 'reached'",
    "Lua tells by an error message whether a file exists": (
        "local _, why = loadfile('/etc/passwd')\nreturn why:find('/etc/passwd', 1, true) and 'reached'"
    ),
    "Lua loads a C library": (
        "local _, why = package.loadlib('/nonexistent.so', '*')\nreturn why and 'reached'"
    ),
    "Lua searches folders for a file": (
        "return package.searchpath('passwd', '/etc/?') and 'reached'"
    ),
    "Lua widens the path that modules are read from": (
        "package.path = '/etc/?'\nlocal ok, why = pcall(require, 'passwd')\n"
        "return why:find('/etc/passwd', 1, true) and 'reached'"
    ),
    "Lua puts a searcher of its own before all others": (
        "table.insert(package.searchers, 1, function() return function() return 'reached' end end)\n"
        "return require('anything')"
    ),
    "Lua reads the registry of the VM": "return debug.getregistry() and 'reached'",
    "Lua reads the locals of its callers": "return debug.getinfo(1, 'f') and 'reached'",
    "Lua opens up the closure of a function": (
        "local secret = 'reached'\nlocal function f() return secret end\n"
        "return select(2, debug.getupvalue(f, 1))"
    ),
    "Lua changes what a closure of others holds": (
        "local secret = 1\nlocal function f() return secret end\n"
        "debug.setupvalue(f, 1, 'reached')\nreturn f()"
    ),
    "Lua takes the hook that a deadline needs": "debug.sethook() return 'reached'",
    "Lua gives a metatable to every function": (
        "debug.setmetatable(print, {__index = {x = 'reached'}})\nreturn print.x"
    ),
    "Lua reads a protected metatable": (
        "local t = setmetatable({}, {__metatable = false, x = 'reached'})\n"
        "return debug.getmetatable(t).x"
    ),
    "Lua makes bytecode": "return string.dump(function() end) and 'reached'",
    "Lua makes bytecode by a method of a string": (
        "return ('').dump(function() end) and 'reached'"
    ),
    "Lua switches the collector off": "return collectgarbage('stop') == 0 and 'reached'",
    "Lua tunes the collector to do nothing": (
        "return collectgarbage('setpause', 1000) and 'reached'"
    ),
    "Lua changes the kind of collector": "return collectgarbage('generational') and 'reached'",
    "Lua makes a finalizer": (
        "local ran\nsetmetatable({}, {__gc = function() ran = 'reached' end})\n"
        "collectgarbage() return ran"
    ),
    "Lua hides a finalizer from a look at the metatable": (
        "local ran\nlocal meta = setmetatable({}, {__index = {__gc = function() end}})\n"
        "rawset(meta, '__gc', function() ran = 'reached' end)\n"
        "setmetatable({}, meta) collectgarbage() return ran"
    ),
}

# Rows that need a form of their own. "Naive" is a fresh table as environment for a script that
# keeps the plain `load` in it.
_NAIVE: Final = "return load({script!r}, 'x', 't', {{load = load, setmetatable = setmetatable}})()"
_BYTES: Final = "string.dump(function() return 'reached' end)"
_HAND_MADE: Final = "'\\27Lua' .. ('\\0'):rep(40)"

_LUA_ROWS: Final = [
    Attack(
        name="Lua runs bytecode that it made",
        language="lua",
        script=_lua(f"return load({_HAND_MADE})()"),
        bare_script=f"return load({_BYTES})()",
        bare=REACHED,
        held=KEPT,
    ),
    Attack(
        name="Lua runs bytecode that comes in pieces",
        language="lua",
        script=_lua(
            f"local code, at = {_HAND_MADE}, 0\n"
            "return load(function() at = at + 1 return code:sub(at, at) end, 'x', 'bt')()"
        ),
        bare_script=(
            f"local code, at = {_BYTES}, 0\n"
            "return load(function() at = at + 1 return code:sub(at, at) end, 'x', 'bt')()"
        ),
        bare=REACHED,
        held=KEPT,
    ),
    Attack(
        name="Lua runs bytecode by a mode that lies about itself",
        language="lua",
        script=_lua(
            "local mode = setmetatable({}, {__tostring = function() return 'tb' end})\n"
            f"return load({_HAND_MADE}, 'x', mode)()"
        ),
        bare_script=f"return load({_BYTES}, 'x', 'tb')()",
        bare=REACHED,
        held=KEPT,
    ),
    Attack(
        name="Lua crashes the VM with malformed bytecode",
        language="lua",
        script=_lua(f"load({_HAND_MADE}, 'x', 'b')() return 'reached'"),
        bare_script=(
            # A constant index far beyond the constants of the function.
            "local code = string.dump(function() return x end, true)\n"
            "for at = 1, #code do\n"
            "  local chunk = load(code:sub(1, at - 1) .. '\\255' .. code:sub(at + 1), 'x', 'b')\n"
            "  if chunk then pcall(chunk) end\n"
            "end"
        ),
        bare=CRASHES,
        held=KEPT,
    ),
    Attack(
        name="Lua compiles text that sees the real globals",
        language="lua",
        script=_lua("return load('return io and \"reached\"')()"),
        bare_script=_NAIVE.format(script="return load('return io')() and 'reached'"),
        bare=REACHED,
        held=KEPT,
    ),
    Attack(
        name="Lua compiles text in the environment of nobody",
        language="lua",
        script=_lua(
            "return load('return _ENV == nil and \"held\" or io and \"reached\"', 'x', 't', nil)()"
        ),
        bare_script=_NAIVE.format(script="return load('return io', 'x')() and 'reached'"),
        bare=REACHED,
        held=KEPT,
    ),
    Attack(
        name="Lua runs on in a finalizer while the host closes the VM",
        language="lua",
        script="kept = setmetatable({}, {__gc = function() while true do end end})",
        bare=HANGS,
        held=Fails("script_error", "__gc"),
    ),
    Attack(
        name="Lua gives a finalizer to a list of the bridge",
        language="lua",
        script="kept = setmetatable(JSON.array(), {__gc = function() while true do end end})",
        bare_script="kept = setmetatable({}, {__gc = function() while true do end end})",
        bare=HANGS,
        held=Fails("script_error", "__gc"),
    ),
    Attack(
        name="Lua ends the process of the host",
        language="lua",
        script="os.exit(7, true)",
        bare=CRASHES,
        held=Fails("script_error", "exit"),
    ),
    Attack(
        name="Lua replaces a method of the host's object for everyone after it",
        language="lua",
        script=(
            "local load = State.load\nState.load = function() return 'evil' end\n"
            "return load('kept', 'k').text == 'untouched' and 'held'"
        ),
        bare_script=(
            "State.load = function() return 'evil' end\n"
            "return State.load('kept', 'k') == 'evil' and 'reached'"
        ),
        bare=REACHED,
        held=KEPT,
    ),
]

_JS_BODIES: Final = {
    "JavaScript finds the functions of the host among the globals": (
        "return typeof __save === 'function' || typeof __door === 'function' ? 'reached' : ''"
    ),
    "JavaScript finds the functions of the host by a new function": (
        'return Function(\'return typeof __save === "function" || typeof __door === "function"'
        ' ? "reached" : 0\')()'
    ),
    "JavaScript reaches the globals from the constructor of a host function": (
        "return State.sync.save.constructor('return __save')() && 'reached'"
    ),
    "JavaScript replaces a function of the host for everything else": (
        "const kept = globalThis.__save; globalThis.__save = () => 'evil';"
        " const got = kept !== undefined && __save() === 'evil'; globalThis.__save = kept;"
        " return got ? 'reached' : ''"
    ),
    "JavaScript blocks on memory that is shared": (
        "return new SharedArrayBuffer(4) && Atomics && 'reached'"
    ),
    "JavaScript has code run when the collector frees something": (
        "return new FinalizationRegistry(() => 0) && 'reached'"
    ),
    "JavaScript watches the collector": "return new WeakRef({}) && 'reached'",
    "JavaScript gets the functions on the stack from an error": (
        "let found = null; Error.prepareStackTrace = (_, sites) => { found = sites; return '' };"
        " try { State.sync.save('attack', 'k', { toJSON() { return new Error().stack } }) } catch (e) { e.stack }"
        " const mine = found && found.map((site) => site.getFunction()).filter((f) => f);"
        " return mine && mine.length ? 'reached' : ''"
    ),
}

_JS_ROWS: Final = [
    Attack(
        name="JavaScript leaves a Python exception behind in the binding",
        language="js",
        script="try { __fail() } catch {} 'held'",
        bare=raises("SystemError"),
        held=KEPT,
    ),
    Attack(
        name="JavaScript passes a host function text that the binding cannot carry",
        language="js",
        script="try { State.sync.save('attack', '\\ud800', 1) } catch {} 'held'",
        bare_script="try { echo('\\ud800') } catch {} 'reached'",
        bare=raises("SystemError"),
        held=KEPT,
    ),
    Attack(
        name="JavaScript passes a host function a rope",
        language="js",
        script=(
            "let s = 'x'; for (let i = 0; i < 12; i++) s += s + i;"
            " State.sync.save('attack', 'k', s); State.sync.load('attack', 'k') === s ? 'held' : ''"
        ),
        bare_script="let s = 'x'; for (let i = 0; i < 12; i++) s += s + i; try { echo(s) } catch {} 's'",
        bare=raises("SystemError"),
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript calls the host while the host reads a result",
        language="js",
        script="({ toJSON() { State.sync.save('attack', 'k', 1); return 'x' } })",
        bare=CRASHES,
        held=Gives(None),
    ),
    Attack(
        name="JavaScript calls the host while the host reads an error",
        language="js",
        script=(
            "throw { toString() { State.sync.save('attack', 'a', 1); return 'x' },"
            " get stack() { State.sync.save('attack', 'b', 1); return '' } }"
        ),
        bare=CRASHES,
        held=Fails("script_error"),
        stored=("b",),
    ),
    Attack(
        name="JavaScript gets the functions of the host by a broken-out wrapper",
        language="js",
        script="})(); globalThis.verdict = 'reached'; (function () {",
        bare_script="eval('(function () {' + '})(); globalThis.verdict = \"reached\"; (function () {' + '})()')",
        bare=REACHED,
        held=Fails("syntax_error"),
    ),
    Attack(
        name="JavaScript breaks out of the function around top-level await",
        language="js",
        script="await 0; }); globalThis.verdict = 'reached'; (async () => {",
        bare_script=(
            "eval('(async () => {' + 'await 0; }); globalThis.verdict = \"reached\"; (async () => {'"
            " + '})()')"
        ),
        bare=REACHED,
        held=Fails("syntax_error"),
    ),
]

HOST_REACH: Final = [
    *(
        Attack(name=name, language="lua", script=_lua(body), bare=REACHED, held=KEPT)
        for name, body in _LUA_BODIES.items()
    ),
    *_LUA_ROWS,
    *(
        Attack(name=name, language="js", script=_js(body), bare=REACHED, held=KEPT)
        for name, body in _JS_BODIES.items()
    ),
    *_JS_ROWS,
]
