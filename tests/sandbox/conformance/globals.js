// How names at the top level behave in a script: var, let, const, function, this, strict mode.
var v = 1; let l = 2; const c = 3; function f() { return 4; } class K {} implicit = 5;
const own = (name) => Object.getOwnPropertyDescriptor(globalThis, name);
print(String(this === globalThis), typeof globalThis.v, typeof globalThis.l, typeof globalThis.c, typeof globalThis.f, typeof globalThis.K, typeof globalThis.implicit);
print(String(own("v").value), String(own("v").writable), String(own("v").enumerable), JSON.stringify(own("implicit")), String(own("f").writable));
print(String(delete globalThis.implicit), typeof implicit);
print(typeof undeclared, (() => { try { return undeclared; } catch (e) { return e.name + ": " + e.message; } })());
print((() => { try { c = 1; } catch (e) { return e.name; } })(), (() => { try { later; } catch (e) { return e.name; } let later = 1; })());
print(String((function () { return this === globalThis; })()), String((function () { "use strict"; return this; })()), String((() => this === globalThis)()));
print(typeof hoisted, hoistedFunction(), String(hoisted)); var hoisted = 1; function hoistedFunction() { return "hoisted"; }
{ function inBlock() { return "block"; } let l = "shadow"; print(inBlock(), l); } print(inBlock(), String(l));
print(String(eval("1 + 1")), String(eval("var fromEval = 7; fromEval")), typeof fromEval, String((0, eval)("this === globalThis")), String(new Function("return this === globalThis")()));
print((() => { "use strict"; try { undeclaredToo = 1; } catch (e) { return e.name; } })(), (() => { "use strict"; eval("var inner = 1"); return typeof inner; })());
print((() => { "use strict"; try { Object.freeze([1])[0] = 2; } catch (e) { return e.name; } })(), (function () { return typeof arguments.callee; })());
print(String(undefined), String(typeof NaN), String((() => { try { undefined = 1; } catch (e) { return e.name; } return "silent"; })()));
with ({ inWith: "with" }) print(inWith);
label: for (const a of [1, 2]) { for (const b of [1, 2]) { if (b === 2) continue label; print("label " + a + b); } }
print([..."ab"].join(), (({ a, ...rest }) => a + Object.keys(rest).join())({ a: 1, b: 2, c: 3 }), ((a, b = a + 1, ...z) => a + b + z.length)(1, undefined, 3, 4));
print(String(null ?? "d"), String(0 || "d"), String(""?.length), String(null?.x.y), `t${1 + 1}`, String.raw`\n${1}`, String(2 ** 10), String(7n ** 3n));
switch (3) { case 1: print("one"); case 3: print("three"); case 4: print("through"); break; default: print("never"); }
print(typeof Symbol(), typeof 1n, typeof null, typeof (() => 1), typeof class {}, String(void 0), String((1, 2)));
print(String([10, 9, 1].sort()), String([3, 1, 2].toSorted((a, b) => a - b)), [1, [2, [3]]].flat(Infinity).join(), Object.groupBy([1, 2, 3], (x) => (x % 2 ? "odd" : "even")).odd.join());
var o = { get g() { return "got"; }, set g(x) { print("set " + x); }, ["com" + "puted"]: 1, async m() {}, *gen() { yield 1; }, __proto__: { inherited: 1 } };
o.g = 5; print(o.g, String(o.computed), String(o.inherited), Object.keys(o).join());
class A { #p = 1; static s = "static"; static #sp = 2; get p() { return this.#p; } set p(x) { this.#p = x; } static { A.block = "block" + A.#sp; } has(x) { return #p in x; } m() { return new.target === undefined; } }
class B extends A { constructor() { super(); this.own = super.p; } get p() { return "B" + super.p; } }
print(new B().p, String(new B().own), A.s, A.block, String(new A().has({})), String(new B().has(new B())), String(new A().m()), B.name);
print((() => { try { A(); } catch (e) { return e.name; } })(), (() => { try { new B().q.r; } catch (e) { return e.name; } })());
function* g() { const x = yield 1; try { yield x * 2; } finally { yield "cleanup"; } return "end"; }
var it = g(); print(JSON.stringify([it.next(), it.next(5), it.return("r"), it.next(), it.next()]));
print([...(function* () { yield* [1, 2]; yield* "ab"; })()].join(), JSON.stringify(Array.from({ length: 3 }, (_, i) => i * i)), String(Math.max(...[1, 5, 3])));
print(Object.prototype.toString.call(g()), Object.prototype.toString.call(function () { return arguments; }()), Object.prototype.toString.call(null), Object.prototype.toString.call(JSON));
print(new Function("a", "b", "return a + b")(1, 2) + "", Function("return typeof v")(), new Function().name, (() => { try { Function("}"); } catch (e) { return e.name; } })());
print((() => { try { eval("var 1"); } catch (e) { return e.name; } })(), (() => { try { eval("let x; let x"); } catch (e) { return e.name; } })());
print(escape("ü/"), encodeURIComponent("ü/"), decodeURI("%C3%BC%2F"), (() => { try { decodeURIComponent("%"); } catch (e) { return e.name; } })(), btoa("hi"), atob("aGk="));
print(String(parseInt("12px")), String(parseFloat("1.5e3x")), String(Number("0x1f")), String(Number("")), String(+[]), String([] + {}), String(1 / -0), (25).toString(2), (0.1 + 0.2).toFixed(2), (1234.5).toExponential(1), (1e21).toString(), String(0.000001), (255).toString(16));
