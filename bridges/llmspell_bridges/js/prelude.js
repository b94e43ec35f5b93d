// The JavaScript side of the bridge. Evaluated once in a fresh context, before any script; its
// value is the object the host drives. Everything a script could replace is captured here first.
// Only text crosses `door(index, text)`, the one host function, which lives in this closure.
(function (maxDepth, inspect) {
  "use strict";

  const door = globalThis.__door;
  delete globalThis.__door;

  const { parse, stringify } = JSON;
  const { isArray } = Array;
  const { create, defineProperty, freeze, getOwnPropertySymbols, getPrototypeOf, keys,
    setPrototypeOf } = Object;
  const { apply } = Reflect;
  const { isInteger, isSafeInteger } = Number;
  const objectPrototype = Object.prototype;
  const mapEntries = Map.prototype.forEach;
  const dateTime = Date.prototype.getTime;
  const toBase64 = Uint8Array.prototype.toBase64;
  const fromBase64 = Uint8Array.fromBase64;
  const bigText = BigInt.prototype.toString;
  const isWellFormed = String.prototype.isWellFormed;
  const regexpTest = RegExp.prototype.test;
  const sliceText = String.prototype.slice;
  const join = Array.prototype.join;
  const then = Promise.prototype.then;
  const $Array = Array, $Date = Date, $Error = Error, $Map = Map, $Promise = Promise,
    $Set = Set, $String = String, $TypeError = TypeError, $Uint8Array = Uint8Array,
    $ArrayBuffer = ArrayBuffer, $BigInt = BigInt, $WeakMap = WeakMap;
  const weakGet = WeakMap.prototype.get, weakSet = WeakMap.prototype.set;
  const mapSet = Map.prototype.set, mapDelete = Map.prototype.delete;
  const mapClear = Map.prototype.clear;
  const indirectEval = eval;
  const AsyncFunction = (async function () {}).constructor;

  // Errors ------------------------------------------------------------------------------------

  class StateError extends Error {
    constructor(message, code = "script_error", details = {}, hint = undefined) {
      super(message);
      this.code = code;
      this.details = details;
      if (hint !== undefined && hint !== null) this.hint = hint;
    }
  }
  defineProperty(StateError.prototype, "name", { value: "StateError", configurable: true,
    writable: true });

  // Text made with `+` may be a rope, which the binding cannot carry; joined text is flat.
  function flat(mark, text) {
    return apply(join, [mark, text], [""]);
  }

  // Values to text ----------------------------------------------------------------------------

  // The fast way is the VM's own JSON with a replacer that lets only plain data through. What it
  // cannot judge (a Date, bytes, a BigInt, -0, a value that changed under its `toJSON`) makes it
  // give up, and the exact way below reads the value itself.
  const NOT_PLAIN = freeze({ __proto__: null });

  function plain(key, value) {
    if (this[key] !== value) throw NOT_PLAIN;
    switch (typeof value) {
      case "string":
      case "boolean":
        return value;
      case "number":
        if ((value | 0) === value ? value !== 0 || 1 / value > 0
          : isSafeInteger(value) || (value - value === 0 && !isInteger(value))) return value;
        break;
      case "object": {
        if (value === null || isArray(value)) return value;
        const prototype = getPrototypeOf(value);
        if ((prototype === objectPrototype || prototype === null)
          && getOwnPropertySymbols(value).length === 0) return value;
        break;
      }
      case "undefined":
        if (!isArray(this)) return value;
    }
    throw NOT_PLAIN;
  }

  class Refusal {
    constructor(path, problem, hint, code = "invalid_value") {
      this.path = path;
      this.problem = problem;
      this.hint = hint;
      this.code = code;
    }
  }

  const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
  function member(path, key) {
    if (apply(regexpTest, NAME, [key])) return path + "." + key;
    return path + "[" + stringify(key.length > 40 ? apply(sliceText, key, [0, 39]) + "…" : key)
      + "]";
  }

  function exactNumber(value, path) {
    if (value !== value) throw new Refusal(path, "is NaN, which cannot be stored", "use null");
    if (value - value !== 0) {
      throw new Refusal(path, "is an infinite number, which cannot be stored", "use null");
    }
    if (value === 0 && 1 / value < 0) return ["f", "-0.0"];
    return isInteger(value) && !isSafeInteger(value) ? ["f", $String(value)] : value;
  }

  // Microseconds of timestamps that came from the host; a Date itself holds milliseconds only.
  const microseconds = new $WeakMap();

  function exactDate(value, path) {
    const ms = apply(dateTime, value, []);
    if (ms !== ms) throw new Refusal(path, "is an invalid Date, which cannot be stored");
    const kept = apply(weakGet, microseconds, [value]);
    return ["t", ms, kept !== undefined && kept.ms === ms ? kept.us : 0];
  }

  function exactList(value, path, depth) {
    const list = ["l"], length = value.length;
    for (let index = 0; index < length; index++) {
      const item = value[index];
      const at = path + "[" + index + "]";
      if (item === undefined) {
        throw new Refusal(at, "is undefined in an array, which cannot be stored", "use null");
      }
      list[index + 1] = exact(item, at, depth + 1);
    }
    return list;
  }

  function checkKey(key, path) {
    if (!apply(isWellFormed, key, [])) {
      throw new Refusal(path, "has a key that is not valid Unicode (a lone surrogate)");
    }
  }

  function exactObject(value, path, depth) {
    if (getOwnPropertySymbols(value).length) {
      throw new Refusal(path, "has a symbol as a key, which cannot be stored", "use text keys");
    }
    const map = { __proto__: null }, names = keys(value);
    for (let index = 0; index < names.length; index++) {
      const name = names[index], item = value[name];
      checkKey(name, path);
      if (item !== undefined) map[name] = exact(item, member(path, name), depth + 1);
    }
    return map;
  }

  function exactMap(value, path, depth) {
    const map = { __proto__: null };
    apply(mapEntries, value, [(item, name) => {
      if (typeof name !== "string") {
        throw new Refusal(path, "is a Map with a key of type " + typeof name, "use text keys");
      }
      checkKey(name, path);
      if (item !== undefined) map[name] = exact(item, member(path, name), depth + 1);
    }]);
    return map;
  }

  function className(value) {
    try {
      const name = value.constructor.name;
      return typeof name === "string" && name ? name : "object";
    } catch {
      return "object";
    }
  }

  function exactThing(value, path, depth) {
    if (value === null) return null;
    if (depth > maxDepth) {
      throw new Refusal(path.length > 60 ? apply(sliceText, path, [0, 57]) + "..." : path,
        "is nested more than " + maxDepth + " levels deep, or contains itself",
        "flatten the value, or split it over several keys", "limit_exceeded");
    }
    if (isArray(value)) return exactList(value, path, depth);
    const prototype = getPrototypeOf(value);
    if (prototype === objectPrototype || prototype === null) {
      return exactObject(value, path, depth);
    }
    if (value instanceof $Date) return exactDate(value, path);
    if (value instanceof $Uint8Array) return ["b", apply(toBase64, value, [])];
    if (value instanceof $ArrayBuffer) return ["b", apply(toBase64, new $Uint8Array(value), [])];
    if (value instanceof $Map) return exactMap(value, path, depth);
    if (value instanceof $Set) {
      throw new Refusal(path, "is a Set, which cannot be stored", "store an array: [...set]");
    }
    if (value instanceof $Promise) {
      throw new Refusal(path, "is a promise, which cannot be stored", "await it first");
    }
    throw new Refusal(path, "is an instance of " + className(value) + ", which would be lost",
      "pass a plain object, for example {...value}");
  }

  function exact(value, path, depth) {
    switch (typeof value) {
      case "boolean":
        return value;
      case "string":
        if (apply(isWellFormed, value, [])) return value;
        throw new Refusal(path, "is not valid Unicode text (a lone surrogate)",
          "store it as bytes (Uint8Array), or repair it with toWellFormed()");
      case "number":
        return exactNumber(value, path);
      case "bigint":
        if (value > 9223372036854775807n || value < -9223372036854775808n) {
          throw new Refusal(path, "is an integer beyond 64 bits", "store it as text");
        }
        return ["i", apply(bigText, value, [])];
      case "object":
        return exactThing(value, path, depth);
    }
    throw new Refusal(path, "is " + (typeof value === "undefined" ? "undefined" : "a "
      + typeof value) + ", which cannot be stored",
      typeof value === "undefined" ? "use null"
        : "store null, booleans, numbers, text, bytes, arrays, objects or Dates");
  }

  function refusal(call, parameter, problem) {
    if (!(problem instanceof Refusal)) return problem;
    const whole = parameter === "value" ? "the value" : "argument '" + parameter + "'";
    const shown = problem.path === "$" ? whole : problem.path;
    return new StateError(call + ": " + shown + " " + problem.problem, problem.code,
      { path: problem.path, parameter }, problem.hint);
  }

  function exactArguments(call, params, values) {
    const list = ["l"];
    for (let index = 0; index < values.length; index++) {
      const parameter = params[index] ?? "#" + (index + 1), value = values[index];
      try {
        // An argument left out in the middle is null; a value that is undefined is a mistake.
        list[index + 1] = value === undefined && parameter !== "value" ? null
          : exact(value, "$", 1);
      } catch (problem) {
        throw refusal(call, parameter, problem);
      }
    }
    return flat("~", stringify(list));
  }

  function argumentsText(call, params, values) {
    try {
      return stringify(values, plain);
    } catch {
      while (values.length > 0 && values[values.length - 1] === undefined
        && params[values.length - 1] !== "value") values.length--;
      return exactArguments(call, params, values);
    }
  }

  // Text to values ------------------------------------------------------------------------------

  function date(ms, us) {
    const value = new $Date(ms);
    if (us) apply(weakSet, microseconds, [value, { __proto__: null, ms, us }]);
    return value;
  }

  function revive(item) {
    if (typeof item !== "object" || item === null) return item;
    if (!isArray(item)) {
      const names = keys(item);
      for (let index = 0; index < names.length; index++) {
        const value = revive(item[names[index]]);
        defineProperty(item, names[index],
          { __proto__: null, value, writable: true, enumerable: true, configurable: true });
      }
      return item;
    }
    switch (item[0]) {
      case "l": {
        const list = new $Array(item.length - 1);
        for (let index = 1; index < item.length; index++) list[index - 1] = revive(item[index]);
        return list;
      }
      case "b": return apply(fromBase64, $Uint8Array, [item[1]]);
      case "t": return date(item[1], item[2]);
      case "i": return $BigInt(item[1]);
    }
    return undefined;
  }

  function value(text) {
    return text[0] === "~" ? revive(parse(apply(sliceText, text, [1]))) : parse(text);
  }

  function answer(reply) {
    if (reply[0] !== "!") return value(reply);
    const told = value(apply(sliceText, reply, [1]));
    throw new StateError(told.message, told.code, told.details, told.hint);
  }

  // Times of records are microseconds; as a Date they have its milliseconds.
  function recordTime(micros) {
    return micros === null ? null : new $Date(micros / 1000);
  }

  const internal = { __proto__: null };
  function bind(index, call, params, build) {
    if (build === null) {
      return (...values) => answer(door(index, argumentsText(call, params, values)));
    }
    return (...values) => {
      const reply = door(index, argumentsText(call, params, values));
      return reply[0] === "[" ? build(parse(reply)) : answer(reply);
    };
  }

  // Promises ------------------------------------------------------------------------------------

  // Promises of reads remember where they were made until something looks at them: `await`,
  // `then` and `Promise.all` all ask a promise for its constructor first.
  const unused = new $Map();
  const watched = create($Promise.prototype, {
    constructor: {
      configurable: true,
      get() {
        apply(mapDelete, unused, [this]);
        return $Promise;
      },
    },
  });

  function asynchronous(call, direct, reads) {
    const eventually = async (...values) => apply(direct, undefined, values);
    if (!reads) return eventually;
    return (...values) => {
      const promise = setPrototypeOf(apply(eventually, undefined, values), watched);
      if (unused.size < 20) apply(mapSet, unused, [promise, { call, stack: new $Error().stack }]);
      return promise;
    };
  }

  const rejected = new $Map();
  function track(promise, reason, handled) {
    if (handled) apply(mapDelete, rejected, [promise]);
    else if (rejected.size < 100) apply(mapSet, rejected, [promise, reason]);
  }

  // Jobs that throw would be lost; as rejections they are found.
  const settled = $Promise.resolve();
  defineProperty(globalThis, "queueMicrotask", {
    configurable: true, writable: true, enumerable: false,
    value: function queueMicrotask(job) {
      if (typeof job !== "function") throw new $TypeError("queueMicrotask needs a function");
      apply(then, settled, [() => { job(); }]);
    },
  });

  // What could block the host's thread or run script code inside host work.
  for (const name of ["FinalizationRegistry", "WeakRef", "SharedArrayBuffer", "Atomics"]) {
    delete globalThis[name];
  }

  // Running ---------------------------------------------------------------------------------------

  function textOf(thing) {
    try {
      return typeof thing === "symbol" ? "a symbol" : $String(thing);
    } catch {
      return "a value that cannot be shown";
    }
  }

  function read(thing, name) {
    try {
      const found = thing[name];
      return typeof found === "string" ? found : null;
    } catch {
      return null;
    }
  }

  function detailsOf(thing) {
    try {
      return flat("~", stringify(exact(thing.details, "$", 1)));
    } catch {
      return null;
    }
  }

  // Tells what was thrown as plain data: nothing of the script runs after this returns.
  function describe(thrown) {
    const report = { __proto__: null, message: null, name: null, stack: null, code: null,
      hint: null, details: null };
    if (typeof thrown === "object" && thrown !== null) {
      const message = read(thrown, "message");
      report.name = read(thrown, "name");
      report.stack = read(thrown, "stack");
      report.code = read(thrown, "code");
      report.hint = read(thrown, "hint");
      report.message = message ?? "the script threw an object that is not an Error";
      if (thrown instanceof StateError) report.details = detailsOf(thrown);
    } else if (thrown === null) {
      // The engine throws null when it has no memory left to make an error.
      report.message = "the script ran out of memory, or threw null";
    } else {
      report.message = "the script threw " + textOf(thrown) + ", which is not an Error";
    }
    return flat("!", stringify(report));
  }

  // How the last script or call ended: text, or null while a promise is pending.
  let outcome = null;

  // What becomes of a result: a script's last expression may be anything by accident, what it
  // returns is meant, and a REPL shows it whatever it is.
  const FINISH = {
    __proto__: null,
    lenient(result) {
      try {
        return flat("=~", stringify(exact(result, "$", 1)));
      } catch {
        return "=null";
      }
    },
    strict(result) {
      try {
        return flat("=~", stringify(exact(result, "$", 1)));
      } catch (problem) {
        return describe(refusal("return value", "value", problem));
      }
    },
    show(result) {
      return flat("=", stringify(inspect(result)));
    },
  };

  function conclude(result, finish) {
    const end = (value) => { outcome = value === undefined ? "=null" : finish(value); };
    if (!(result instanceof $Promise)) {
      end(result);
      return;
    }
    outcome = null;
    apply(then, result, [end, (thrown) => { outcome = describe(thrown); }]);
  }

  const host = { __proto__: null };

  // `text` is the source as JSON text: raw NUL characters would not survive the way in.
  host.run = function (text, asynchronously, shown) {
    try {
      const source = parse(text);
      if (asynchronously) {
        conclude(apply(AsyncFunction(source), undefined, []), shown ? FINISH.show : FINISH.strict);
      } else {
        conclude(indirectEval(source), shown ? FINISH.show : FINISH.lenient);
      }
    } catch (thrown) {
      outcome = describe(thrown);
    }
  };

  host.call = function (name, text) {
    try {
      const fn = globalThis[name];
      if (typeof fn !== "function") {
        throw new StateError("the script defines no function '" + name + "'");
      }
      conclude(apply(fn, undefined, value(text)), FINISH.strict);
    } catch (thrown) {
      outcome = describe(thrown);
    }
  };

  host.outcome = () => outcome;

  // Takes what is left over when all jobs have run: the first unhandled rejection and the reads
  // whose promise nobody looked at.
  host.leftovers = function () {
    let failure = null;
    const reads = [];
    apply(mapEntries, rejected, [(reason) => { failure ??= describe(reason); }]);
    apply(mapEntries, unused, [({ call, stack }) => {
      reads[reads.length] = { __proto__: null, call, stack };
    }]);
    apply(mapClear, rejected, []);
    apply(mapClear, unused, []);
    return stringify({ __proto__: null, failure, reads });
  };

  function place(root, dotted, found) {
    let at = root, start = 0, dot;
    while ((dot = dotted.indexOf(".", start)) >= 0) {
      const name = dotted.slice(start, dot);
      if (at[name] === undefined) {
        defineProperty(at, name, { value: {}, writable: true, configurable: true });
      }
      at = at[name];
      start = dot + 1;
    }
    const name = dotted.slice(start);
    defineProperty(at, name, { value: found, writable: true, configurable: true,
      enumerable: true });
  }

  function camel(name) {
    return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  }

  // Puts one function of a global in place: promised under both names, and as it is under `sync`.
  function install(global, name, direct, promised) {
    for (const alias of new Set([camel(name), name])) {
      place(globalThis, global + "." + alias, promised);
      place(globalThis, global + ".sync." + alias, direct);
    }
  }

  // `record` is the source of what makes the result's object of its members, or "".
  host.define = function (global, name, index, params, reads, isInternal, record) {
    const call = global + "." + camel(name);
    const build = record === "" ? null : indirectEval(record)(recordTime);
    const direct = bind(index, call, params === "" ? [] : params.split(" "), build);
    if (isInternal) internal[name] = direct;
    else install(global, name, direct, asynchronous(call, direct, reads));
  };

  host.extend = function (source) {
    indirectEval(source)(globalThis, internal, { install, inspect, StateError });
  };

  host.track = track;
  place(globalThis, "StateError", StateError);
  return host;
})
