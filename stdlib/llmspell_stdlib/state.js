// The functions of State that call back into the script, so they live here and not behind the door.
(globals, internal, bridge) => {
  "use strict";
  const { install, StateError, afterCall, isUnhandled } = bridge;
  const $Map = Map, { apply } = Reflect;
  const mapGet = Map.prototype.get, mapSet = Map.prototype.set, mapDelete = Map.prototype.delete;
  const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, "size").get;

  // Tells this script's watchers what it has just done; nothing while it watches nothing.
  const tellNobody = () => {};
  let told = tellNobody;

  function refuse(call, message, hint) {
    throw new StateError(call + ": " + message, "invalid_argument", { parameter: "fn" }, hint);
  }

  function refuseMore(call, usage, most, extra) {
    if (extra.length) {
      refuse(call, (most + extra.length) + " arguments, but it takes at most " + most,
        "call it as " + usage);
    }
  }

  // Checks a call by what it must look like: the function, and no argument too many.
  function check(call, usage, fn, most, extra) {
    if (typeof fn !== "function") {
      refuse(call, "argument 'fn' must be a function, not " + (fn === null ? "null" : typeof fn),
        "call it as " + usage);
    }
    refuseMore(call, usage, most, extra);
  }

  function refusePromise(call, value) {
    if (typeof value === "object" && value !== null && typeof value.then === "function") {
      refuse(call, "the function returned a promise",
        "use `await " + call + "(...)` for async ones");
    }
    return value;
  }

  // How often something was tried, as the host is to know it, which waits the longer the more
  // often. While others of this script's are under way they are the ones that were faster, and a
  // wait would only keep them from being done: then but every 64th attempt counts.
  let underWay = 0;
  const counted = (attempt) => (underWay > 1 && attempt % 64 ? 0 : attempt);

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
      if (internal.compare_and_set(scope, key, value, seen, attempt)) {
        told();
        return value;
      }
    }
  }

  async function updateLater(scope, key, fn, fallback, ...extra) {
    check(UPDATE[0], UPDATE[1], fn, 4, extra);
    underWay++;
    try {
      for (let attempt = 0; ; attempt++) {
        const found = internal.read_for_update(scope, key), seen = found[2];
        const value = newValue(await fn(found[0] ? found[1] : fallback));
        if (internal.compare_and_set(scope, key, value, seen, counted(attempt))) {
          told();
          return value;
        }
      }
    } finally {
      underWay--;
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
  // `failed` collects the promises of calls that were refused.
  function newTransaction(number, failed) {
    const direct = {
      load: (scope, key, fallback) => txLoad(number, scope, key, fallback),
      save: (scope, key, value, options = null) => {
        internal.tx_save(number, scope, key, value, options);
      },
      delete: (scope, key) => internal.tx_delete(number, scope, key),
      keyExists: (scope, key) => internal.tx_exists(number, scope, key),
    };
    direct.key_exists = direct.keyExists;
    if (failed === null) return direct;
    const promised = (call) => (...values) => {
      let refused = false;
      const promise = (async () => {
        try {
          return apply(call, undefined, values);
        } catch (problem) {
          refused = true;
          throw problem;
        }
      })();
      if (refused) failed[failed.length] = promise;
      return promise;
    };
    const keyExists = promised(direct.keyExists);
    return { load: promised(direct.load), save: promised(direct.save),
      delete: promised(direct.delete), keyExists, key_exists: keyExists };
  }

  function transaction(fn, ...extra) {
    check(TRANSACTION[0], TRANSACTION[1], fn, 1, extra);
    for (let attempt = 0; ; attempt++) {
      const number = internal.tx_begin();
      let result;
      try {
        result = refusePromise(TRANSACTION[0], fn(newTransaction(number, null)));
      } catch (problem) {
        if (internal.tx_abort(number, attempt)) continue;
        throw problem;
      }
      if (internal.tx_commit(number, attempt)) {
        told();
        return result;
      }
    }
  }

  async function transactionLater(fn, ...extra) {
    check(TRANSACTION[0], TRANSACTION[1], fn, 1, extra);
    underWay++;
    try {
      for (let attempt = 0; ; attempt++) {
        const number = internal.tx_begin();
        const failed = [];
        let result;
        try {
          result = await fn(newTransaction(number, failed));
          // A call that was refused behind the function's back must not leave half of its work.
          for (let index = 0; index < failed.length; index++) {
            if (isUnhandled(failed[index])) await failed[index];
          }
        } catch (problem) {
          if (internal.tx_abort(number, counted(attempt))) continue;
          throw problem;
        }
        if (internal.tx_commit(number, counted(attempt))) {
          told();
          return result;
        }
      }
    } finally {
      underWay--;
    }
  }

  install("State", "transaction", transaction, transactionLater);

  // lock ------------------------------------------------------------------------------------

  const now = Date.now;
  const LOCK = ["State.lock", "State.lock(scope, key [, options], fn)"];

  // No pattern takes the list apart: that would run an iterator the script may have replaced.
  function newLock(held) {
    const number = held[0], token = held[1];
    const extend = (ttl = null) => { internal.lock_extend(number, ttl); };
    return { number, lock: { token, extend } };
  }

  function lock(scope, key, options, fn, ...extra) {
    if (fn === undefined && typeof options === "function") { fn = options; options = null; }
    check(LOCK[0], LOCK[1], fn, 4, extra);
    const held = newLock(internal.lock_acquire(scope, key, options ?? null));
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

  // The host waits but a moment at a time. In between the script's other jobs go on: one of them
  // may be the holder.
  async function takeLater(scope, key, options) {
    const began = now();
    for (;;) {
      const held = internal.lock_acquire(scope, key, options ?? null, (now() - began) / 1000);
      if (held.length) return newLock(held);
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
  let telling = false, waiting = [], toldOf = 0;

  // Tells the watchers what waits. A watcher that changes State is told of that by whoever tells
  // already, after it. What is left when one of them fails is told the next time.
  function tell(timeout) {
    if (telling) return 0;
    telling = true;
    let count = 0;
    if (toldOf < waiting.length) timeout = 0;
    try {
      for (;;) {
        if (toldOf === waiting.length) {
          waiting = internal.watch_take(timeout);
          toldOf = 0;
          if (waiting.length === 0) return count;
          timeout = 0;
        }
        const event = waiting[toldOf++], fn = apply(mapGet, watchers, [event[0]]);
        if (fn !== undefined) {
          count++;
          fn(event[1]);
        }
      }
    } finally {
      telling = false;
    }
  }

  const tellNow = () => { tell(0); };

  function watch(scope, prefix, fn, ...extra) {
    check(WATCH[0], WATCH[1], fn, 3, extra);
    const id = internal.watch_begin(scope, prefix);
    apply(mapSet, watchers, [id, fn]);
    told = tellNow;
    afterCall(told);
    return id;
  }

  function unwatch(id, ...extra) {
    refuseMore("State.unwatch", "State.unwatch(id)", 1, extra);
    const ended = internal.watch_end(id);
    if (ended) apply(mapDelete, watchers, [id]);
    if (apply(mapSize, watchers, []) === 0) {
      told = tellNobody;
      afterCall(null);
    }
    return ended;
  }

  function poll(timeout, ...extra) {
    refuseMore("State.poll", "State.poll([timeout])", 1, extra);
    return tell(timeout ?? 0);
  }

  const later = (fn) => async (...values) => apply(fn, undefined, values);
  install("State", "watch", watch, later(watch));
  install("State", "unwatch", unwatch, later(unwatch));
  install("State", "poll", poll, later(poll));
}
