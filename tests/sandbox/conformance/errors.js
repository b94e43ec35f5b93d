// Errors: what they are, what they say, and how try, catch and finally go.
const name = (f) => { try { f(); return "nothing"; } catch (e) { return e?.name ?? String(e); } };
const text = (f) => { try { return String(f()); } catch (e) { return e instanceof Error ? e.name + ": " + e.message : "thrown " + String(e); } };
for (const f of [() => null.x, () => undefined.f(), () => x, () => 5(), () => new 5(), () => [].reduce((a) => a), () => new Array(-1), () => "x".repeat(-1), () => (1).toFixed(200), () => BigInt(1.5), () => 1n + 1, () => Symbol() + "", () => Object.defineProperty(Object.freeze({}), "x", { value: 1 }), () => new (class { constructor() { return 1; } })().y.z, () => { class D extends Object { constructor() { this.x; } } new D(); }, () => JSON.parse("{"), () => new RegExp("("), () => decodeURI("%"), () => structuredCloneIsMissing(), () => { const { a } = null; }, () => { const [a] = 1; }, () => { for (const a of 5); }, () => 1 in 1, () => ({}) instanceof 5, () => Reflect.construct(1), () => new Proxy({}, null), () => "x".normalize("bad"), () => null[Symbol.iterator], () => { throw "text"; }, () => { throw null; }, () => { throw { name: "object" }; }])
  print(text(f));
const e = new Error("message", { cause: "because" });
print(e.name, e.message, String(e), e.cause, String("stack" in e), typeof e.stack, String(Object.keys(e).length), String(e instanceof Error));
print(String(new Error()), String(new TypeError("t")), new AggregateError([1, 2], "many").errors.join(), Error("called").message, String(Object.hasOwn(new Error(), "message")));
class Custom extends Error { constructor(m) { super(m); this.name = "Custom"; this.extra = 1; } }
print(String(new Custom("own")), String(new Custom() instanceof Error), name(() => { throw new Custom(); }), String(new Custom("x").stack.includes("at ")));
print(Object.prototype.toString.call(new Error()), String(Error.prototype.toString.call({ name: "N", message: "M" })), String(Error.prototype.toString.call({})), Error.length + "", typeof Error.captureStackTrace);
function where() { return new Error("here").stack; }
print(String(where().includes("where")), String(where().split("\n").length > 1), String(new Error().stack === undefined));
const target = {}; if (Error.captureStackTrace) { Error.captureStackTrace(target); } print(typeof target.stack);
function flow(kind) { const log = []; try { log.push("try"); if (kind === "throw") throw new Error("t"); if (kind === "return") return log; } catch (err) { log.push("catch " + err.message); } finally { log.push("finally"); } log.push("after"); return log; }
print(flow("").join(), flow("throw").join(), flow("return").join());
print((() => { try { return "try"; } finally { return "finally wins"; } })(), (() => { for (const i of [1, 2]) { try { continue; } finally { if (i === 2) return "left at " + i; } } })());
print(text(() => { try { throw new Error("first"); } finally { throw new Error("second"); } }), text(() => { try { throw 1; } catch { throw 2; } }), text(() => { try { throw { a: [1, { b: 5 }] }; } catch ({ a: [x, { b }] }) { return x + b; } }));
let depth = 0; const recurse = () => { depth++; recurse(); }; print(name(recurse), String(depth > 500)); depth = 0; print(name(recurse), String(depth > 500));
print(text(() => { const p = new Proxy({}, { get() { throw new RangeError("trap"); } }); return p.x; }), text(() => ({ get a() { throw new EvalError("getter"); } }).a), text(() => String({ toString() { throw new URIError("text"); } })));
print(text(() => { using x = { [Symbol.dispose]() { throw new Error("disposed"); } }; return "used"; }), new SuppressedError(1, 2, "s").message);
print(String(Error.prototype.name), String(TypeError.prototype instanceof Error), String(Object.getPrototypeOf(TypeError) === Error), String(new Error("x").toString === Error.prototype.toString));
print(text(() => { null.x; }), text(() => { (void 0).foo; }), text(() => { let o = {}; o.f(); }), text(() => { let o = { a: {} }; o.a.b.c; }), text(() => { undefinedFunction(1); }), text(() => { const k = 1; k = 2; }), text(() => { new (() => 1)(); }));
