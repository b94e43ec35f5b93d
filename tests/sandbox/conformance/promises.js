// Promises: order, states, combinators, subclasses, species, thenables, async functions and iteration.
const log = (...a) => print(a.join(" "));
const later = (v, n = 1) => { let p = Promise.resolve(v); for (let i = 0; i < n; i++) p = p.then((x) => x); return p; };
log("sync begins");
Promise.resolve().then(() => log("first job")).then(() => log("fourth job"));
queueMicrotask(() => log("second job"));
(async () => { log("async begins"); await null; log("third job"); await null; log("fifth job"); })();
new Promise((r) => { log("executor"); r(); log("after resolve"); });
log("sync ends");

const order = async () => {
  const seen = [];
  await Promise.all([
    (async () => { for (let i = 0; i < 3; i++) { seen.push("a" + i); await i; } })(),
    (async () => { for (let i = 0; i < 3; i++) { seen.push("b" + i); await i; } })(),
  ]);
  log(seen.join());
};
const states = async () => {
  log(await Promise.resolve(1), await 2, await { then(f) { f(3); } }, await new Promise((r) => r(later(4, 3))));
  for (const make of [() => Promise.reject(new Error("no")), () => { throw new TypeError("thrown"); }, () => new Promise(() => { throw "text"; })]) {
    try { await (async () => make())(); } catch (e) { log("caught", e.message ?? e); }
  }
  log(await Promise.reject(1).catch((x) => x + 1), await Promise.reject(1).then(null, (x) => x + 2), await Promise.resolve(1).then(5));
  log(await Promise.resolve(1).finally(() => 99), await Promise.resolve(1).finally(() => { throw 2; }).catch((x) => "finally " + x));
  log(await Promise.reject("kept").finally(() => 1).catch((x) => x));
  const p = new Promise((yes, no) => { yes("once"); yes("twice"); no("never"); });
  log(await p);
  const self = new Promise((r) => queueMicrotask(() => r(self)));
  try { await self; } catch (e) { log(e instanceof TypeError); }
  let get; try { await Promise.resolve({ get then() { throw "getter"; } }); } catch (e) { get = e; } log(get);
  log(await new Promise((r) => r({ then(a, b) { b("rejecting thenable"); } })).catch((x) => x));
};
const combinators = async () => {
  log(JSON.stringify(await Promise.all([1, later(2), { then(f) { f(3); } }])), JSON.stringify(await Promise.all([])));
  log(JSON.stringify(await Promise.allSettled([1, Promise.reject(2)])), await Promise.race([later("slow", 5), later("fast", 1)]));
  log(await Promise.any([Promise.reject(1), later("any")]), await Promise.all([later(1), Promise.reject("all")]).catch((x) => x));
  try { await Promise.any([Promise.reject(1), Promise.reject(2)]); } catch (e) { log(e.name, e.errors.join()); }
  try { await Promise.all(5); } catch (e) { log(e.name); }
  const { promise, resolve } = Promise.withResolvers(); resolve("with"); log(await promise);
  log(await Promise.try((a) => a + 1, 1), await Promise.try(() => { throw 3; }).catch((x) => x));
  log(await Promise.all(new Set([later("set")])), await Promise.all((function* () { yield 1; yield later(2); })()));
};
const classes = async () => {
  class Mine extends Promise { static made = 0; constructor(f) { super(f); Mine.made++; } extra() { return "extra"; } }
  const m = new Mine((r) => r(1));
  log(m instanceof Mine, m instanceof Promise, m.extra(), await m, Object.prototype.toString.call(m));
  log(Promise.resolve(m) === m, Mine.resolve(m) === m, Mine.resolve(1) instanceof Mine, Mine.all([]) instanceof Mine);
  log(await Mine.all([1, 2]), (await Mine.allSettled([1])).length, await Mine.race([5]));
  const p = Promise.resolve(1); log(Promise.resolve(p) === p, Promise.length, Promise.name, Promise.prototype.then.length);
  try { Promise(); } catch (e) { log(e.name); } try { new Promise(); } catch (e) { log(e.name); } try { new Promise(5); } catch (e) { log(e.name); }
  for (const bad of [undefined, {}, 5]) try { Promise.prototype.then.call(bad); log("no"); } catch (e) { log(e.name); }
  try { await Promise.resolve.call(undefined, 1); } catch (e) { log(e.name); }
  log(await Promise.prototype.catch.call({ then: (a, b) => "duck " + typeof b }, 1), await Promise.prototype.finally.call(later(7), () => 1));
};
const iteration = async () => {
  async function* numbers() { try { yield 1; yield later(2); yield 3; } finally { log("cleaned"); } }
  for await (const n of numbers()) { log("n", n); if (n === 2) break; }
  for await (const n of [1, later(2), Promise.resolve(3)]) log("of", n);
  const g = numbers(); log(JSON.stringify(await g.next()), JSON.stringify(await g.return("early")), JSON.stringify(await g.next()));
  const bad = numbers(); await bad.next(); try { await bad.throw(new Error("in")); } catch (e) { log(e.message); }
  const many = numbers(); log(JSON.stringify(await Promise.all([many.next(), many.next(), many.next(), many.next()])));
  const it = { [Symbol.asyncIterator]() { let i = 0; return { next: async () => ({ value: i, done: i++ > 1 }) }; } };
  for await (const v of it) log("custom", v);
  async function* outer() { const got = yield* numbers(); log("outer", got); }
  for await (const n of outer()) log("delegated", n);
};
const functions = async () => {
  const f = async (a, b = 2, ...c) => a + b + c.length; log(await f(1), await f(1, 1, 1), f.name, f.length, f instanceof Promise, f(1) instanceof Promise);
  log(Object.getPrototypeOf(async function () {}).constructor.name, (async () => {}).hasOwnProperty("prototype"));
  class A { async m() { return this.x; } static async s() { return "static"; } x = 9; async *g() { yield this.x; } }
  log(await new A().m(), await A.s(), (await new A().g().next()).value);
  const o = { async ["computed"]() { return await this.v; }, v: later("value") }; log(await o.computed());
  log(await (async () => { try { return await Promise.reject(1); } catch { return "caught"; } finally { log("finally"); } })());
  log(await (async (x) => { for (let i = 0; i < 3; i++) x += await i; return x; })(10), (await Promise.all([1, 2, 3].map(async (x) => x * 2))).join());
  log(await new (Object.getPrototypeOf(async function () {}).constructor)("a", "return await a")(later("made")));
  let count = 0; const tick = () => (count++ < 100 ? Promise.resolve().then(tick) : count); log(await tick());
  const thenable = { then(f) { log("then is called in a job"); f("x"); } }; const got = Promise.resolve(thenable); log("before"); log(await got);
};
queueMicrotask(() => log(typeof queueMicrotask, queueMicrotask.length, queueMicrotask.name));
for (const bad of [undefined, 5, {}]) try { queueMicrotask(bad); } catch (e) { log(e.name); }
(async () => {
  for (const [name, part] of Object.entries({ order, states, combinators, classes, iteration, functions })) {
    log("--", name);
    await part();
  }
  log("handled late"); const late = Promise.reject("late"); await null; late.catch((x) => log("caught", x)); await null;
})();
