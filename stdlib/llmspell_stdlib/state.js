// State.update: calls back into the script, so it lives here and not behind the door.
(globals, internal, bridge) => {
  "use strict";
  const { install, StateError } = bridge;
  const { read_for_update: read, compare_and_set: compareAndSet } = internal;

  function refuse(message, hint) {
    throw new StateError("State.update: " + message, "invalid_argument", { parameter: "fn" }, hint);
  }

  const USAGE = "call it as State.update(scope, key, fn [, default])";

  function check(fn, extra) {
    if (typeof fn !== "function") {
      refuse("argument 'fn' must be a function, not " + (fn === null ? "null" : typeof fn),
        USAGE);
    }
    if (extra.length) refuse((4 + extra.length) + " arguments, but it takes at most 4", USAGE);
  }

  function checkResult(value) {
    if (value === undefined) {
      refuse("the function returned nothing, so there is no new value", "end it with `return value`");
    }
    return value;
  }

  function update(scope, key, fn, fallback, ...extra) {
    check(fn, extra);
    for (let attempt = 0; ; attempt++) {
      const found = read(scope, key), seen = found[2];
      const value = checkResult(fn(found[0] ? found[1] : fallback));
      if (typeof value === "object" && value !== null && typeof value.then === "function") {
        refuse("the function returned a promise", "use `await State.update(...)` for async ones");
      }
      if (compareAndSet(scope, key, value, seen, attempt)) return value;
    }
  }

  async function updateLater(scope, key, fn, fallback, ...extra) {
    check(fn, extra);
    for (let attempt = 0; ; attempt++) {
      const found = read(scope, key), seen = found[2];
      const value = checkResult(await fn(found[0] ? found[1] : fallback));
      if (compareAndSet(scope, key, value, seen, attempt)) return value;
    }
  }

  install("State", "update", update, updateLater);
}
