// The JavaScript side of the bridge. Evaluated once in a fresh context, before any script; its
// value is the object the host drives. Everything a script could replace is captured first, here and
// in values.js and inspect.js.
// Only text crosses `door(index, text)`, the one host function, which lives in this closure.
(function (codec, inspect) {
  "use strict";

  const enter = globalThis.__door, chunk = globalThis.__chunk;
  delete globalThis.__door;
  delete globalThis.__chunk;

  const { plain, exact, value, flat, tagged, Refusal } = codec;
  const { parse, stringify } = JSON;
  const { create, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf } = Object;
  const { apply, deleteProperty } = Reflect;
  const promisePrototype = Promise.prototype;
  const mapEntries = Map.prototype.forEach, mapSet = Map.prototype.set;
  const mapDelete = Map.prototype.delete, mapClear = Map.prototype.clear;
  const mapHas = Map.prototype.has;
  const mapSize = getOwnPropertyDescriptor(Map.prototype, "size").get;
  const nativeThen = Promise.prototype.then;
  const join = Array.prototype.join;
  const sliceText = String.prototype.slice, toWellFormed = String.prototype.toWellFormed;
  const $Date = Date, $Error = Error, $Map = Map, $Promise = Promise, $String = String;
  const $TypeError = TypeError;
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

  // What the engine throws where no script can catch it (the run's time is over, no memory is left)
  // is told by the binding, outside of the engine: no script code may run there, and what it reads
  // of such an error must be what the engine wrote.
  for (const [name, value] of [["toString", Error.prototype.toString], ["name", "InternalError"],
    ["message", ""], [Symbol.toPrimitive, undefined]]) {
    defineProperty(InternalError.prototype, name, { __proto__: null, value, writable: false,
      configurable: false, enumerable: false });
  }
  const nativeStack = getOwnPropertyDescriptor(Error.prototype, "stack");
  defineProperty(InternalError.prototype, "stack", { __proto__: null, get: nativeStack.get,
    set: nativeStack.set, configurable: false, enumerable: false });

  // Calls ---------------------------------------------------------------------------------------

  // The door itself never throws, but a signal can strike while the host enters it. The script gets
  // no further answers then, and the host hears of it at the end.
  let interrupted = false;
  function door(index, text) {
    let reply = null;
    if (!interrupted) {
      try {
        reply = enter(index, text);
      } catch {
        interrupted = true;
      }
    }
    if (reply !== null) return reply;
    throw interrupted ? new StateError("the run was interrupted", "interrupted")
      : new StateError("the run has hit one of its limits", "limit_exceeded");
  }

  // Gives a module lines of its own in the one "<input>"; returns the first of them.
  function addChunk(name, source) {
    try {
      return chunk(name, source);
    } catch {
      interrupted = true;
    }
    throw new StateError("the run was interrupted", "interrupted");
  }

  function refusal(call, parameter, problem) {
    if (!(problem instanceof Refusal)) return problem;
    const whole = parameter === "value" ? "the value" : "argument '" + parameter + "'";
    const shown = problem.path === "$" ? whole : problem.path;
    return new StateError(call + ": " + shown + " " + problem.problem, problem.code,
      { path: problem.path, parameter }, problem.hint);
  }

  function exactArguments(call, params, values) {
    const list = tagged("l");
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

  // Scope and key come again and again, so their quoted forms are kept.
  let quoted = { __proto__: null }, quotedCount = 0;
  function quote(text) {
    const known = quoted[text];
    if (known !== undefined) return known;
    const made = stringify(text);
    if (made.length > 60) return undefined;
    if (quotedCount++ > 1000) {
      quoted = { __proto__: null };
      quotedCount = 0;
    }
    quoted[text] = made;
    return made;
  }

  // The frequent form of a call, (text, text [, value]): its text at half the cost, or undefined.
  function frequentText(values) {
    const scope = quote(values[0]), key = quote(values[1]);
    if (scope === undefined || key === undefined) return undefined;
    if (values.length === 2) return "[" + scope + "," + key + "]";
    const text = values[2] === undefined ? undefined : stringify(values[2], plain);
    if (text === undefined) return undefined;
    // Short text made with `+` is flat already.
    return text.length < 200 ? "[" + scope + "," + key + "," + text + "]"
      : apply(join, ["[", scope, ",", key, ",", text, "]"], [""]);
  }

  function argumentsText(call, params, values) {
    try {
      const count = values.length;
      if ((count === 2 || count === 3) && typeof values[0] === "string"
        && typeof values[1] === "string") {
        const text = frequentText(values);
        if (text !== undefined) return text;
      }
      return stringify(values, plain);
    } catch {
      while (values.length > 0 && values[values.length - 1] === undefined
        && params[values.length - 1] !== "value") values.length--;
      return exactArguments(call, params, values);
    }
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

  // What a prelude of the standard library wants called after each call of a script-visible host
  // function; nothing until it says so.
  let afterCall = null;

  const internal = { __proto__: null };
  function bind(index, call, params, build, isInternal) {
    if (isInternal) return (...values) => answer(door(index, argumentsText(call, params, values)));
    if (build === null) {
      return (...values) => {
        const value = answer(door(index, argumentsText(call, params, values)));
        if (afterCall !== null) afterCall();
        return value;
      };
    }
    return (...values) => {
      const reply = door(index, argumentsText(call, params, values));
      const record = reply[0] === "[" ? build(parse(reply)) : answer(reply);
      if (afterCall !== null) afterCall();
      return record;
    };
  }

  // A function of two texts whose results are kept as long as the host says that they are current,
  // which it tells at a fraction of what the call costs.
  function bindKeeping(index, call, params) {
    let kept = { __proto__: null }, count = 0;
    const direct = bind(index, call, params, null, false);
    return (...values) => {
      const first = values[0], second = values[1];
      if (values.length !== 2 || typeof first !== "string" || typeof second !== "string") {
        return apply(direct, undefined, values);
      }
      let ofFirst = kept[first];
      const hit = ofFirst === undefined ? undefined : ofFirst[second];
      let reply;
      if (hit !== undefined && door(0, hit.text) === true) {
        reply = hit.reply;
      } else {
        // Forgotten first: from here on the host means the new value when it says "current".
        if (hit !== undefined) {
          delete ofFirst[second];
          count--;
        }
        const text = argumentsText(call, params, values);
        reply = door(index + 1, text);
        if (reply.length <= 1000 && reply[0] !== "!") {
          if (count >= 1000) {
            kept = { __proto__: null };
            count = 0;
            ofFirst = undefined;
          }
          if (ofFirst === undefined) ofFirst = kept[first] = { __proto__: null };
          count++;
          ofFirst[second] = { __proto__: null, text, reply };
        }
      }
      const value = answer(reply);
      if (afterCall !== null) afterCall();
      return value;
    };
  }

  // Promises ------------------------------------------------------------------------------------

  // A job that throws ends in the binding, which then runs script code (`toString`, `stack`) where a
  // host call aborts the process. Only a promise made by a script's own constructor can make a job
  // throw, so `then` always makes a plain promise, whatever the `constructor` of its promise says.
  const plainConstructor = { __proto__: null, value: Promise, configurable: true };
  defineProperty(Promise, Symbol.species, { __proto__: null, value: Promise, configurable: false });
  defineProperty(Promise.prototype, "constructor", { __proto__: null, value: Promise,
    writable: false, configurable: false });

  function then(fulfilled, rejected) {
    if (!(this instanceof $Promise)) throw new $TypeError("then needs a promise");
    const own = getOwnPropertyDescriptor(this, "constructor");
    if (own === undefined) {
      const prototype = getPrototypeOf(this);
      if (prototype === promisePrototype || prototype === watched) {
        return apply(nativeThen, this, [fulfilled, rejected]);
      }
    }
    // Fails for a promise that is frozen: nothing else could be done safely with it.
    defineProperty(this, "constructor", plainConstructor);
    const derived = apply(nativeThen, this, [fulfilled, rejected]);
    if (own === undefined) deleteProperty(this, "constructor");
    else defineProperty(this, "constructor", own);
    return derived;
  }
  defineProperty(Promise.prototype, "then", { __proto__: null, value: then, writable: true,
    configurable: true, enumerable: false });

  // Promises of reads remember where they were made until something looks at them: `await`,
  // `then` and `Promise.all` all ask a promise for its constructor first.
  const unused = new $Map();
  const watched = create($Promise.prototype, {
    constructor: {
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
      if (apply(mapSize, unused, []) < 20) {
        apply(mapSet, unused, [promise, { call, stack: read(new $Error(), "stack") ?? "" }]);
      }
      return promise;
    };
  }

  const rejected = new $Map();
  function track(promise, reason, handled) {
    if (handled) apply(mapDelete, rejected, [promise]);
    else if (apply(mapSize, rejected, []) < 100) apply(mapSet, rejected, [promise, reason]);
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
  // It would be called for every error, with the functions of this file that are on the stack.
  delete Error.prepareStackTrace;

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
      if (typeof found !== "string") return null;
      // A stack the engine wrote is short; one that a script made up may be of any length.
      return name === "stack" ? apply(sliceText, found, [0, 10000]) : found;
    } catch {
      return null;
    }
  }

  function isStateError(thing) {
    try {
      return thing instanceof StateError;
    } catch {
      return false;
    }
  }

  function detailsOf(thing) {
    try {
      return flat("~", stringify(exact(thing.details, "$", 1)));
    } catch {
      return null;
    }
  }

  // What a script says of its failure ends up in logs: enough of it is enough.
  const LONGEST = 64 * 1024;
  function clipped(text) {
    if (text.length <= LONGEST) return text;
    return apply(sliceText, text, [0, LONGEST]) + "... (" + (text.length - LONGEST)
      + " more characters)";
  }

  // Tells what was thrown as plain data: nothing of the script runs after this returns.
  function describe(thrown) {
    const report = { __proto__: null, message: null, name: null, stack: null, code: null,
      hint: null, details: null, thrown: thrown === null ? "null" : typeof thrown };
    if (typeof thrown === "object" && thrown !== null) {
      const message = read(thrown, "message");
      report.name = read(thrown, "name");
      report.stack = read(thrown, "stack");
      report.code = read(thrown, "code");
      report.hint = read(thrown, "hint");
      report.message = message ?? "the script threw an object that is not an Error";
      if (isStateError(thrown)) report.details = detailsOf(thrown);
    } else if (thrown === null) {
      // The engine throws null when it has no memory left to make an error.
      report.message = "the script threw null (or had no memory left to make an error)";
    } else {
      report.message = "the script threw " + inspect(thrown) + ", which is not an Error";
    }
    for (const name of ["message", "name", "code", "hint"]) {
      if (report[name] !== null) report[name] = clipped(report[name]);
    }
    return flat("!", stringify(report));
  }

  const PROMISE_IN_HOST = "the function returned a promise, and whoever called it cannot wait: "
    + "a host function that calls back needs one that is not async";

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
      return flat("=", stringify(apply(toWellFormed, inspect(result), [])));
    },
  };

  function conclude(result, finish, isNested) {
    const end = (value) => { outcome = value === undefined ? "=null" : finish(value); };
    if (!(result instanceof $Promise)) {
      end(result);
      return;
    }
    outcome = null;
    if (isNested) throw new StateError(PROMISE_IN_HOST);
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

  host.call = function (name, text, isNested) {
    try {
      const fn = globalThis[name];
      if (typeof fn !== "function") {
        throw new StateError("the script defines no function '" + name + "'");
      }
      conclude(apply(fn, undefined, value(text)), FINISH.strict, isNested);
    } catch (thrown) {
      outcome = describe(thrown);
    }
  };

  // For a host function that a script is waiting for: what comes of the call is told at once.
  host.nested = function (name, text) {
    const outer = outcome;
    outcome = null;
    host.call(name, text, true);
    const told = outcome;
    outcome = outer;
    return told;
  };

  host.outcome = () => outcome;

  // Takes what is left over when all jobs have run: the first unhandled rejection and the reads
  // whose promise nobody looked at.
  host.leftovers = function () {
    let failure = null;
    const reads = tagged();
    apply(mapEntries, rejected, [(reason) => { failure ??= describe(reason); }]);
    apply(mapEntries, unused, [({ call, stack }) => {
      reads[reads.length] = { __proto__: null, call, stack };
    }]);
    apply(mapClear, rejected, []);
    apply(mapClear, unused, []);
    const struck = interrupted;
    interrupted = false;
    return stringify({ __proto__: null, failure, reads, interrupted: struck });
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

  // `record` makes what makes the result's object of its members, if the result is a record.
  host.define = function (global, name, call, index, names, reads, isInternal, keeps, record) {
    const build = record === null ? null : record(recordTime);
    const direct = keeps ? bindKeeping(index, call, names)
      : bind(index, call, names, build, isInternal);
    if (isInternal) internal[name] = direct;
    else install(global, name, direct, asynchronous(call, direct, reads));
  };

  host.extend = function (prelude) {
    prelude(globalThis, internal, {
      install, inspect, StateError, addChunk, afterCall: (fn) => { afterCall = fn; },
      // Whether a promise was rejected and nobody has looked at it so far.
      isUnhandled: (promise) => apply(mapHas, rejected, [promise]),
    });
  };

  host.track = track;
  place(globalThis, "StateError", StateError);
  return host;
})
