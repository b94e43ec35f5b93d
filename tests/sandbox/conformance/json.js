// JSON in all its forms.
const show = (make) => {
  try {
    const value = make();
    print(value === undefined ? "undefined" : typeof value === "string" ? value : "(" + typeof value + ") " + String(value));
  } catch (e) { print(e.name + ": " + e.message); }
};
const S = (...a) => show(() => JSON.stringify(...a));
for (const v of [null, true, 1, -0, 1e21, 1e-7, 0.1, NaN, Infinity, "a\"b\\\n\t\u0001\u2028é😀", undefined, () => 1, Symbol("x")]) S(v);
S("\ud800"); S(["\udc00", "\ud83d\ude00"]);
S([]); S({}); S([undefined, () => 1, Symbol(), NaN]); S({ a: undefined, f() {}, s: Symbol(), n: null });
S([1, [2, [3, []]]], null, 2); S({ a: { b: { c: {} } }, d: [] }, null, "--"); S([1], null, 100); S([1], null, "12345678901234");
S({ a: 1, b: 2, c: { a: 3, d: 4 } }, ["a", "c"]); S({ 1: "one", 2: "two" }, [1, new Number(2), new String("x")]);
S({ a: 1, b: [1, 2] }, (k, v) => (typeof v === "number" ? v + 1 : v)); S({ a: 1 }, (k, v) => (k === "" ? { b: v } : v));
S([1, 2], function (k, v) { return Array.isArray(this) ? k + v : v; }); S({ a: 1 }, () => undefined);
S(new Date(0)); S({ d: new Date(NaN) }); S({ toJSON: () => "mine" }); S({ toJSON(key) { return "key " + key; } });
S({ a: { toJSON(key) { return key; } } }); S([{ toJSON(key) { return key; } }]);
S(Object(1)); S(Object("s")); S(Object(true)); S(new Map([[1, 2]])); S(new Set([1])); S(new Uint8Array([1, 2])); S(/x/); S(new Error("x"));
S(Object.create({ inherited: 1 })); S(Object.create(null)); S(Object.defineProperty({ a: 1 }, "hidden", { value: 1 }));
S({ get a() { return "got"; } }); S(new Proxy({ a: 1 }, {})); S(new Proxy([1, 2], {})); S([, 1]);
S(1n); S({ a: 1n }); S(JSON.rawJSON("12345678901234567890")); S(JSON.isRawJSON(JSON.rawJSON("1")));
const cycle = { a: {} }; cycle.a.b = cycle;
show(() => { try { JSON.stringify(cycle); return "no"; } catch (e) { return e instanceof TypeError; } });
show(() => { let a = []; for (let i = 0; i < 100; i++) a = [a]; return JSON.stringify(a).length; });
S({ a: 1, b: 2 }, null, undefined); S([1, 2], null, "\t"); S({}, null, 2); S([], null, 2); S("x", null, 2); S([[]], null, 1);
BigInt.prototype.toJSON = function () { return this + "n"; }; S({ n: 5n }); delete BigInt.prototype.toJSON;

const P = (...a) => show(() => { const v = JSON.parse(...a); return JSON.stringify(v) + " " + typeof v; });
for (const t of ["1", " -0 ", "1e2", '"a\\u0041\\n"', "null", "true", "[1,2]", '{"a":{"b":[]}}', '{"a":1,"a":2}', '{"__proto__":1}', '"\\ud83d\\ude00"', "[]", "{}", '""'])
  P(t);
for (const t of ["", " ", "01", "+1", ".5", "1.", "1e", "tru", "nul", "undefined", "NaN", "'a'", "[1,]", "{,}", '{"a"}', '{a:1}', '{"a":1,}', "[1", '"a', '"\n"', '"\\x41"', "1 2", "//x", "\ufeff1", '"\\u12"', "[1 2]"])
  show(() => { try { JSON.parse(t); return "parsed " + t; } catch (e) { return e instanceof SyntaxError; } });
P('{"a":[1,2,{"b":3}]}', (k, v) => (typeof v === "number" ? v * 2 : v)); P("[1,2,3]", (k, v) => (k === "1" ? undefined : v));
P('{"a":1,"b":2}', function (k, v) { if (k === "a") this.b = "changed"; return v; });
show(() => { const keys = []; JSON.parse('{"a":{"b":1},"c":[2]}', (k, v) => { keys.push(k); return v; }); return keys.join(); });
show(() => Object.is(JSON.parse("-0"), -0)); show(() => JSON.parse('{"__proto__":{"x":1}}').x === undefined);
show(() => Object.getPrototypeOf(JSON.parse("{}")) === Object.prototype); show(() => JSON[Symbol.toStringTag]);
show(() => JSON.parse("9007199254740993")); show(() => JSON.parse({ toString: () => "[5]" })[0]); show(() => JSON.parse(null));
show(() => JSON.stringify.length + " " + JSON.parse.length); show(() => JSON.stringify.name);
show(() => JSON.stringify({ a: [new Boolean(false), new Date(1e12)] }, null, new Number(1)));
show(() => JSON.stringify({ z: 1, a: 2, 10: 3, 9: 4 })); show(() => JSON.stringify([new String("a")], (k, v) => v));
show(() => JSON.stringify({ length: 1 }, null, new String("ab")));
