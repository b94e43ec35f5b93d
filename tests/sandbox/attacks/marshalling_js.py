"""Values of JavaScript that a host may misread, change in silence, or die of."""

from __future__ import annotations

from typing import Final

from .row import CRASHES, HANGS, KEPT, REACHED, Attack, Fails, Gives, Limited, raises

__all__ = ["JS_VALUES"]


def _js_refused(name: str, value: str, text: str, changed_to: str) -> Attack:
    """Return a row for a value that JSON would silently turn into something else."""
    return Attack(
        name=name,
        language="js",
        script=f"State.sync.save('attack', 'k', {value})",
        bare_script=(
            f"State.sync.save('attack', 'k', {value});"
            f" JSON.stringify(State.sync.load('attack', 'k')) === '{changed_to}' ? 'reached' : ''"
        ),
        bare=REACHED,
        held=Fails("invalid_value", text),
    )


def _js_exact(name: str, value: str, test: str, stored: bool = True) -> Attack:
    """Return a row for a value that comes back exactly here, and is changed by JSON."""
    return Attack(
        name=name,
        language="js",
        script=(
            f"State.sync.save('attack', 'k', {value}); const v = State.sync.load('attack', 'k');"
            f" {test} ? 'held' : 'reached'"
        ),
        bare_script=(
            f"State.sync.save('attack', 'k', {value}); const v = State.sync.load('attack', 'k');"
            f" let same; try {{ same = {test} }} catch {{}} same ? 'held' : 'reached'"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",) if stored else (),
    )


JS_VALUES: Final = [
    _js_refused("JavaScript passes not a number", "NaN", "NaN", "null"),
    _js_refused("JavaScript passes infinity", "[-Infinity]", "infinite", "[null]"),
    _js_refused(
        "JavaScript passes undefined in an array",
        "[1, undefined]",
        "undefined in an array",
        "[1,null]",
    ),
    _js_refused(
        "JavaScript passes a sparse array", "[1, , 3]", "undefined in an array", "[1,null,3]"
    ),
    _js_refused("JavaScript passes a function as a member", "{ f() {} }", "a function", "{}"),
    _js_refused("JavaScript passes a symbol as a member", "{ s: Symbol() }", "a symbol", "{}"),
    _js_refused(
        "JavaScript passes a symbol as a key", "{ [Symbol()]: 1 }", "symbol as a key", "{}"
    ),
    _js_refused("JavaScript passes a Set", "new Set([1])", "a Set", "{}"),
    _js_refused("JavaScript passes a promise", "Promise.resolve(1)", "a promise", "{}"),
    _js_refused(
        "JavaScript passes an object of its own class",
        "new (class A { x = 1 })",
        "instance of A",
        '{"x":1}',
    ),
    _js_refused("JavaScript passes a regular expression", "/x/", "instance of RegExp", "{}"),
    _js_refused("JavaScript passes an error", "new Error('x')", "instance of Error", "{}"),
    _js_refused("JavaScript passes a boxed number", "Object(5)", "instance of Number", "5"),
    _js_refused(
        "JavaScript passes a typed array of another kind",
        "new Float64Array([1])",
        "instance of Float64Array",
        '{"0":1}',
    ),
    _js_refused(
        "JavaScript passes a Map with keys that are no text",
        "new Map([[1, 2]])",
        "key of type number",
        "{}",
    ),
    _js_refused("JavaScript passes an invalid Date", "new Date(NaN)", "invalid Date", "null"),
    _js_refused(
        "JavaScript passes a Date beyond the host's years",
        "new Date(8.64e15)",
        "years 1 to 9999",
        '"+275760-09-13T00:00:00.000Z"',
    ),
    _js_refused(
        "JavaScript passes what only pretends to be a Date",
        "Object.create(Date.prototype, { toJSON: { value: () => 1 } })",
        "no usable instance",
        "1",
    ),
    _js_exact("JavaScript loses the sign of zero", "-0", "Object.is(v, -0)"),
    _js_exact("JavaScript loses what a Map holds", "new Map([['a', 1]])", "v.a === 1"),
    _js_exact(
        "JavaScript loses bytes",
        "new Uint8Array([0, 255])",
        "v instanceof Uint8Array && v[1] === 255 && v.length === 2",
    ),
    _js_exact(
        "JavaScript loses that a Date is one",
        "new Date(5)",
        "v instanceof Date && v.getTime() === 5",
    ),
    _js_exact(
        "JavaScript stores what a hidden toJSON says instead of what is there",
        "Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'evil' })",
        "v.a === 1",
    ),
    Attack(
        name="JavaScript passes an integer beyond 64 bits",
        language="js",
        script="State.sync.save('attack', 'k', 2n ** 64n)",
        bare_script="String(echo(9007199254740993n)) === '9007199254740993' ? '' : 'reached'",
        bare=REACHED,
        held=Fails("invalid_value", "beyond 64 bits"),
    ),
    Attack(
        name="JavaScript loses the end of text after a NUL",
        language="js",
        script=(
            "State.sync.save('attack', 'k', 'a\\0b');"
            " State.sync.load('attack', 'k') === 'a\\0b' ? 'held' : 'reached'"
        ),
        bare_script="echo('a\\0b') === 'a\\0b' ? 'held' : 'reached'",
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript passes half of a character",
        language="js",
        script="State.sync.save('attack', 'k', { text: 'x\\ud83d' })",
        bare_script="try { echo('x\\ud83d') } catch {}",
        bare=raises("SystemError"),
        held=Fails("invalid_value", "lone surrogate"),
    ),
    Attack(
        name="JavaScript passes half of a character as a key",
        language="js",
        script="State.sync.save('attack', 'k', { '\\ud83d': 1 })",
        bare_script="try { echo('\\ud83d') } catch {}",
        bare=raises("SystemError"),
        held=Fails("invalid_value", "lone surrogate"),
    ),
    Attack(
        name="JavaScript passes an object that contains itself",
        language="js",
        script="const o = {}; o.o = o; State.sync.save('attack', 'k', o)",
        bare_script=(
            "const o = {}; o.o = o; const walk = (v) => typeof v === 'object' ? Object.values(v).map(walk)"
            " : v; try { walk(o) } catch (e) { e instanceof RangeError ? 'reached' : '' }"
        ),
        bare=REACHED,
        held=Fails("limit_exceeded", "contains itself"),
    ),
    Attack(
        name="JavaScript returns an object that contains itself",
        language="js",
        script="const o = {}; o.o = o; await 0; return o",
        bare_script="const o = {}; o.o = o; o.o.o.o === o ? 'reached' : ''",
        bare=REACHED,
        held=Fails("limit_exceeded", "contains itself"),
    ),
    Attack(
        name="JavaScript nests arrays a hundred thousand levels deep",
        language="js",
        script="let a = []; for (let i = 0; i < 1e5; i++) a = [a]; State.sync.save('attack', 'k', a)",
        bare_script=(
            "let a = []; for (let i = 0; i < 1e5; i++) a = [a];"
            " try { JSON.stringify(a); '' } catch (e) { e instanceof RangeError ? 'reached' : '' }"
        ),
        bare=REACHED,
        held=Fails("limit_exceeded", "levels deep"),
    ),
    Attack(
        name="JavaScript passes a getter that tells another value each time",
        language="js",
        script=(
            "let n = 0; State.sync.save('attack', 'k', { get a() { return ++n % 2 ? 1 : () => 1 } });"
            " const v = State.sync.load('attack', 'k').a; v === 1 ? 'held' : 'reached'"
        ),
        bare_script=(
            "let n = 0; const o = { get a() { return ++n % 2 ? 1 : 'evil' } };"
            " const check = (v) => { if (typeof v.a !== 'number') throw 1; return v };"
            " check(o).a === 'evil' ? 'reached' : ''"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript passes a proxy that tells of endless keys",
        language="js",
        script=(
            "State.sync.save('attack', 'k', new Proxy({}, { ownKeys() {"
            " return Array.from({ length: 1e9 }, (_, i) => 'k' + i) } }))"
        ),
        bare_script=(
            "JSON.stringify(new Proxy({}, { ownKeys() { return Array.from({ length: 1e9 },"
            " (_, i) => 'k' + i) } }))"
        ),
        bare=HANGS,
        held=Limited("timeout_s", "memory_bytes", "stack_bytes"),
    ),
    Attack(
        name="JavaScript passes a proxy of an array with a lying length",
        language="js",
        script=(
            "State.sync.save('attack', 'k', new Proxy([], { get: (t, n) => n === 'length' ? 2 ** 53 - 1"
            " : n === 'toJSON' ? undefined : 1 }))"
        ),
        bare_script=(
            "JSON.stringify(new Proxy([], { get: (t, n) => n === 'length' ? 2 ** 53 - 1"
            " : n === 'toJSON' ? undefined : 1 }))"
        ),
        bare=HANGS,
        held=Limited("timeout_s", "memory_bytes", "stack_bytes"),
    ),
    Attack(
        name="JavaScript passes a proxy that is revoked while it is read",
        language="js",
        script=(
            "const { proxy, revoke } = Proxy.revocable({}, {});"
            " State.sync.save('attack', 'k', { get a() { revoke(); return 1 }, b: proxy })"
        ),
        bare_script=(
            "const { proxy, revoke } = Proxy.revocable({}, {}); revoke();"
            " try { JSON.stringify(proxy); '' } catch (e) { e instanceof TypeError ? 'reached' : '' }"
        ),
        bare=REACHED,
        held=Fails("script_error"),
    ),
    Attack(
        name="JavaScript passes bytes whose buffer is gone",
        language="js",
        script=(
            "const b = new ArrayBuffer(8), u = new Uint8Array(b); b.transfer();"
            " State.sync.save('attack', 'k', u)"
        ),
        bare_script=(
            "const b = new ArrayBuffer(8), u = new Uint8Array(b); b.transfer();"
            " u.length === 0 ? 'reached' : ''"
        ),
        bare=REACHED,
        held=Fails("invalid_value", "no usable instance"),
    ),
    Attack(
        name="JavaScript takes bytes away while they are read",
        language="js",
        script=(
            "const b = new ArrayBuffer(8), u = new Uint8Array(b).fill(7);"
            " let gone = false; const take = () => { if (!gone) b.transfer(); gone = true; return -0 };"
            " try { State.sync.save('attack', 'k', { get a() { return take() }, u }) }"
            " catch (e) { e.code === 'invalid_value' ? 'held' : 'reached' }"
        ),
        bare_script=(
            "const b = new ArrayBuffer(8), u = new Uint8Array(b).fill(7); const length = u.length;"
            " b.transfer(); u[length - 1] === undefined ? 'reached' : ''"
        ),
        bare=REACHED,
        held=KEPT,
    ),
    Attack(
        name="JavaScript makes JSON text by itself that is none",
        language="js",
        script="State.sync.save('attack', 'k', JSON.rawJSON('1e999'))",
        bare_script="JSON.stringify({ a: JSON.rawJSON('1e999') }) === '{\"a\":1e999}' ? 'reached' : ''",
        bare=REACHED,
        held=Fails("invalid_value"),
    ),
    Attack(
        name="JavaScript stores text that looks like the bridge's own marks",
        language="js",
        script=(
            "const evil = ['l', 'b', 't', '~', ['t', 1, 2], ['b', 'AA=='], { '~': 1 }];"
            " State.sync.save('attack', 'k', [evil, -0]);"
            " JSON.stringify(State.sync.load('attack', 'k')[0]) === JSON.stringify(evil)"
            " ? 'held' : 'reached'"
        ),
        bare_script=(
            "const revive = (k, v) => Array.isArray(v) && v[0] === 't' ? new Date(v[1]) : v;"
            " JSON.parse('[\"t\", 1]', revive) instanceof Date ? 'reached' : ''"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript returns a value that dies while the host reads it",
        language="js",
        script="({ get a() { throw new Error('x') } })",
        bare_script="({ toJSON() { State.sync.save('a', 'b', 1); throw 1 } })",
        bare=CRASHES,
        held=Gives(None),
    ),
    Attack(
        name="JavaScript passes an array as the name of a key",
        language="js",
        script="State.sync.save('attack', ['k'], 1)",
        bare_script="State.sync.save('a', ['k'], 1); const o = {}; o[['k']] = 1; o.k ? 'reached' : ''",
        bare=REACHED,
        held=Fails("invalid_argument", "key"),
    ),
    Attack(
        name="JavaScript passes text objects that change between two looks",
        language="js",
        script=("let n = 0; State.sync.save('attack', { toString: () => n++ ? 'evil' : 'k' }, 1)"),
        bare_script=(
            "let n = 0; const key = { toString: () => n++ ? 'reached' : 'k' };"
            " if (String(key) === 'k') String(key)"
        ),
        bare=REACHED,
        held=Fails("invalid_value", "$.toString is a function"),
    ),
]
