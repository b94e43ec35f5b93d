// What Lua's JSON has and the built-in one lacks: `null`, `array`, and `{ pretty: true }`.
(globals, internal, bridge) => {
  "use strict";
  const { JSON, Array, Object } = globals;
  const { isArray, from } = Array;
  const native = JSON.stringify;
  const define = (name, value) => Object.defineProperty(JSON, name,
    { value, writable: true, configurable: true, enumerable: false });

  define("null", null);
  define("array", (items = []) => from(items));
  define("stringify", function stringify(value, replacer, space) {
    if (replacer !== null && typeof replacer === "object" && !isArray(replacer)) {
      return native(value, null, replacer.pretty ? 2 : space);
    }
    return native(value, replacer, space);
  });
}
