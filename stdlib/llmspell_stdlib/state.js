// The functions of State that call back into the script, so they live here and not behind the door.
(globals, internal, bridge) => {
  "use strict";
  const { install, StateError, afterCall } = bridge;
  const $Map = Map, { apply } = Reflect;
  const mapGet = Map.prototype.get, mapSet = Map.prototype.set, mapDelete = Map.prototype.delete;
  const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, "size").get;

  function refuse(call, message, hint) {
    throw new StateError(call + ": " + message, "invalid_argument", { parameter: "fn" }, hint);
  }

  // Checks a call by what it must look like: the function, and no argument too many.
  function check(call, usage, fn, most, extra) {
    if (typeof fn !== "function") {
      refuse(call, "argument 'fn' must be a function, not " + (fn === null ? "null" : typeof fn),
        "call it as " + usage);
    }
    if (extra.length) {
      refuse(call, (most + extra.length) + " arguments, but it takes at most " + most,
        "call it as " + usage);
    }
  }

  function refusePromise(call, value) {
    if (typeof value === "object" && value !== null && typeof value.then === "function") {
      refuse(call, "the function returned a promise",
        "use `await " + call + "(...)` for async ones");
    }
    return value;
  }

  // update ----------------------------------------------------------------------------------

  const UPDATE = ["State.update", "State.update(scope, key, fn [, default])"];

  function newValue(value) {
    if (value === undefined) {
      refuse(UPDATE[0], "the function returned nothing, so there is no new value",
        "end it with `return value`");
    }
    return value;
  }

  function update(scope, key, fn, fallback, ...extra) {
    check(UPDATE[0], UPDATE[1], fn, 4, extra);
    for (let attempt = 0; ; attempt++) {
      const found = internal.read_for_update(scope, key), seen = found[2];
      const value = refusePromise(UPDATE[0], newValue(fn(found[0] ? found[1] : fallback)));
      if (internal.compare_and_set(scope, key, value, seen, attempt)) return value;
    }
  }

  async function updateLater(scope, key, fn, fallback, ...extra) {
    check(UPDATE[0], UPDATE[1], fn, 4, extra);
    for (let attempt = 0; ; attempt++) {
      const found = internal.read_for_update(scope, key), seen = found[2];
      const value = newValue(await fn(found[0] ? found[1] : fallback));
      if (internal.compare_and_set(scope, key, value, seen, attempt)) return value;
    }
  }

  install("State", "update", update, updateLater);

  // transaction -----------------------------------------------------------------------------

  const TRANSACTION = ["State.transaction", "State.transaction((tx) => { ... })"];

  function txLoad(number, scope, key, fallback) {
    const found = internal.tx_load(number, scope, key);
    return found.length ? found[0] : fallback;
  }

  // What the function is given: its functions return values, or promises of them.
  function newTransaction(number, promised) {
    const direct = {
      load: (scope, key, fallback) => txLoad(number, scope, key, fallback),
      save: (scope, key, value, options = null) => {
        internal.tx_save(number, scope, key, value, options);
      },
      delete: (scope, key) => internal.tx_delete(number, scope, key),
      keyExists: (scope, key) => internal.tx_exists(number, scope, key),
    };
    direct.key_exists = direct.keyExists;
    if (!promised) return direct;
    const tx = {};
    for (const name of ["load", "save", "delete", "keyExists", "key_exists"]) {
      tx[name] = async (...values) => apply(direct[name], undefined, values);
    }
    return tx;
  }

  function transaction(fn, ...extra) {
    check(TRANSACTION[0], TRANSACTION[1], fn, 1, extra);
    for (let attempt = 0; ; attempt++) {
      const number = internal.tx_begin();
      let result;
      try {
        result = refusePromise(TRANSACTION[0], fn(newTransaction(number, false)));
      } catch (problem) {
        if (internal.tx_abort(number, attempt)) continue;
        throw problem;
      }
      if (internal.tx_commit(number, attempt)) return result;
    }
  }

  async function transactionLater(fn, ...extra) {
    check(TRANSACTION[0], TRANSACTION[1], fn, 1, extra);
    for (let attempt = 0; ; attempt++) {
      const number = internal.tx_begin();
      let result;
      try {
        result = await fn(newTransaction(number, true));
      } catch (problem) {
        if (internal.tx_abort(number, attempt)) continue;
        throw problem;
      }
      if (internal.tx_commit(number, attempt)) return result;
    }
  }

  install("State", "transaction", transaction, transactionLater);

  // lock ------------------------------------------------------------------------------------

  const DEFAULT_WAIT = 10, SLICE = 0.02, now = Date.now;
  const LOCK = ["State.lock", "State.lock(scope, key [, options], fn)"];

  function take(scope, key, options) {
    const held = internal.lock_acquire(scope, key, options ?? null), number = held[0];
    const extend = (ttl = null) => { internal.lock_extend(number, ttl); };
    return { number, lock: { token: held[1], extend } };
  }

  function lock(scope, key, options, fn, ...extra) {
    if (fn === undefined && typeof options === "function") { fn = options; options = null; }
    check(LOCK[0], LOCK[1], fn, 4, extra);
    const held = take(scope, key, options);
    let result;
    try {
      result = refusePromise(LOCK[0], fn(held.lock));
    } catch (problem) {
      internal.lock_release(held.number, true);
      throw problem;
    }
    internal.lock_release(held.number, false);
    return result;
  }

  // Waits in short slices, between which the script's other jobs go on: one of them may be the
  // holder.
  async function takeLater(scope, key, options) {
    const wait = options?.wait ?? DEFAULT_WAIT;
    if (typeof wait !== "number") return take(scope, key, options);
    const deadline = now() + wait * 1000;
    for (;;) {
      const left = (deadline - now()) / 1000;
      try {
        return take(scope, key, { ...options, wait: left > SLICE ? SLICE : left > 0 ? left : 0 });
      } catch (problem) {
        if (problem?.code !== "lock_unavailable") throw problem;
        if (left <= SLICE) return take(scope, key, { ...options, wait: 0 });
      }
      for (let job = 0; job < 100; job++) await undefined;
    }
  }

  async function lockLater(scope, key, options, fn, ...extra) {
    if (fn === undefined && typeof options === "function") { fn = options; options = null; }
    check(LOCK[0], LOCK[1], fn, 4, extra);
    const held = await takeLater(scope, key, options);
    let result;
    try {
      result = await fn(held.lock);
    } catch (problem) {
      internal.lock_release(held.number, true);
      throw problem;
    }
    internal.lock_release(held.number, false);
    return result;
  }

  install("State", "lock", lock, lockLater);

  // watch -----------------------------------------------------------------------------------

  // Watching is there only when there is a journal.
  if (internal.watch_begin === undefined) return;

  const WATCH = ["State.watch", "State.watch(scope, prefix, fn)"];
  const watchers = new $Map();
  let telling = false;

  // Tells the watchers what waits. A watcher that changes State is told of that by whoever tells
  // already, after it.
  function tell(timeout) {
    if (telling) return 0;
    telling = true;
    let count = 0;
    try {
      for (let events = internal.watch_take(timeout); events.length;
        events = internal.watch_take(0)) {
        for (let index = 0; index < events.length; index++) {
          const fn = apply(mapGet, watchers, [events[index][0]]);
          if (fn !== undefined) {
            count++;
            fn(events[index][1]);
          }
        }
      }
    } finally {
      telling = false;
    }
    return count;
  }

  function watch(scope, prefix, fn, ...extra) {
    check(WATCH[0], WATCH[1], fn, 3, extra);
    const id = internal.watch_begin(scope, prefix);
    apply(mapSet, watchers, [id, fn]);
    afterCall(() => { tell(0); });
    return id;
  }

  function unwatch(id) {
    const ended = internal.watch_end(id);
    if (ended) apply(mapDelete, watchers, [id]);
    if (apply(mapSize, watchers, []) === 0) afterCall(null);
    return ended;
  }

  function poll(timeout = 0) {
    return tell(timeout);
  }

  const later = (fn) => async (...values) => apply(fn, undefined, values);
  install("State", "watch", watch, later(watch));
  install("State", "unwatch", unwatch, later(unwatch));
  install("State", "poll", poll, later(poll));
}
