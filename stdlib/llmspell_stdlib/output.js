// `print` and `console`: text as it is, everything else the way a reader wants to see it.
(globals, internal, bridge) => {
  "use strict";
  const { write } = internal;
  const { inspect } = bridge;
  const { apply } = Reflect;
  // A lone surrogate is no reason to refuse output; it is shown as U+FFFD.
  const { toWellFormed } = String.prototype;

  function line(values) {
    let text = "";
    for (let index = 0; index < values.length; index++) {
      const value = values[index];
      text += (index > 0 ? " " : "") + (typeof value === "string" ? value : inspect(value));
    }
    return apply(toWellFormed, text, []) + "\n";
  }

  const out = (...values) => { write("out", line(values)); };
  const err = (...values) => { write("err", line(values)); };
  const define = (target, name, value) => Object.defineProperty(target, name,
    { value, writable: true, configurable: true, enumerable: true });

  define(globals, "print", out);
  define(globals, "console", {});
  for (const name of ["log", "info", "debug"]) define(globals.console, name, out);
  for (const name of ["warn", "error"]) define(globals.console, name, err);
}
