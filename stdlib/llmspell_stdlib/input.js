// INPUT: the value the run was given.
(globals, internal, bridge) => {
  "use strict";
  Object.defineProperty(globals, "INPUT",
    { value: internal.script_input(), writable: true, configurable: true, enumerable: true });
}
