// `require`, `module` and `exports` of the script. Most scripts use none of them, so what does the work
// (modules.js) is text, put in place of SOURCE by the host, until one does.
(globals, internal, bridge) => {
  "use strict";
  const { apply } = globals.Reflect;
  const { defineProperty } = globals.Object;
  const { lastIndexOf, repeat, slice } = globals.String.prototype;
  const define = (target, name, value) => defineProperty(target, name,
    { __proto__: null, value, writable: true, enumerable: false, configurable: true });
  const getter = (target, name, get, set) => defineProperty(target, name,
    { __proto__: null, get, set, enumerable: false, configurable: true });
  const captured = { __proto__: null, apply, define, defineProperty, evaluate: globals.eval,
    exec: globals.RegExp.prototype.exec, lastIndexOf, parse: globals.JSON.parse, repeat, slice,
    SyntaxError: globals.SyntaxError };
  const { evaluate } = captured;

  let modules = null, own = null;
  function start() {
    modules = evaluate(SOURCE)(captured, internal, bridge);
    own = modules.requireOf(null);
  }
  const main = () => {
    if (own === null) start();
    return modules.theMain();
  };

  function require(specifier) {
    if (own === null) start();
    return own(specifier);
  }
  for (const name of ["resolve", "cache", "main"]) {
    getter(require, name, () => {
      if (own === null) start();
      return own[name];
    });
  }
  define(globals, "require", require);
  const made = {
    __proto__: null,
    module: main,
    exports: () => main().exports,
    __filename: () => main().filename,
    __dirname: () => main().path,
  };
  for (const name of ["module", "exports", "__filename", "__dirname"]) {
    getter(globals, name, made[name], (value) => { define(globals, name, value); });
  }
}
