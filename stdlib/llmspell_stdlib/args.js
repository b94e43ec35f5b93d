// ARGS: an array of the script's name and the positional arguments, with the named ones as members.
(globals, internal, bridge) => {
  "use strict";
  const given = internal.script_arguments();
  const list = [given.name, ...given.positional];
  const define = (target, name, value) => Object.defineProperty(target, name,
    { value, writable: true, configurable: true, enumerable: true });
  for (const [name, text] of Object.entries(given.named)) define(list, name, text);
  define(globals, "ARGS", list);
}
