// `require`, `module` and `exports`, as CommonJS has them. The host finds the files and reads them;
// what they hold is compiled here, each file as a function of its own.
(globals, internal, bridge) => {
  "use strict";
  const { find_module: find, main_module: mainModule } = internal;
  const { StateError, addChunk } = bridge;
  const { apply } = globals.Reflect;
  const { defineProperty } = globals.Object;
  const { parse } = globals.JSON;
  const { lastIndexOf, repeat, slice } = globals.String.prototype;
  const { exec } = globals.RegExp.prototype;
  const { eval: evaluate, Error: $Error, SyntaxError: $SyntaxError } = globals;
  const define = (target, name, value) => defineProperty(target, name,
    { __proto__: null, value, writable: true, enumerable: false, configurable: true });

  // Compiling -----------------------------------------------------------------------------------

  const HEAD = "(exports,require,module,__filename,__dirname){\n";
  // A function's text must not end the function itself. What may follow its closing brace in the one
  // surrounding may not in the other, so text that parses in both stays inside.
  const asMethod = (source) => "throw 0;({m" + HEAD + source + "\n}})";
  const asAsyncMethod = (source) => "throw 0;({async m" + HEAD + source + "\n}})";
  const asOperand = (source) => "1?function" + HEAD + source + "\n}:0";

  function parses(text) {
    try {
      evaluate(text);
    } catch (problem) {
      if (problem === 0) return true;
      if (!(problem instanceof $SyntaxError)) throw problem;
    }
    return false;
  }

  const PLACE = /<input>:(\d+)/;
  const lineOf = (problem) => +(apply(exec, PLACE, [problem.stack])?.[1] ?? 0);

  const AWAITS = "`await` stands outside of any function, which a module cannot have";

  // Returns the module's function. Its lines are the module's own in every error.
  function compile(source, file, lines) {
    const first = addChunk(file, source);
    const padding = apply(repeat, "\n", [first - 2]);
    try {
      if (parses(asMethod(source))) return evaluate(padding + asOperand(source));
      // Once more, in its place, for the error.
      evaluate(padding + asMethod(source));
    } catch (problem) {
      if (problem instanceof $SyntaxError) {
        define(problem, "code", "syntax_error");
        if (parses(asAsyncMethod(source))) {
          define(problem, "message", AWAITS);
          define(problem, "hint", "put it in an async function, and export that");
        } else if (lineOf(problem) - first >= lines) {
          define(problem, "message", "unexpected end of the module");
        }
      }
      throw problem;
    }
  }

  // Loading -------------------------------------------------------------------------------------

  // What scripts see as `require.cache`: modules by file. A module is there before it has run, so
  // that modules in a circle see what is exported so far.
  const cache = { __proto__: null };
  let main = null;

  function newModule(file, id, folder) {
    return { id, path: folder, exports: {}, filename: file, loaded: false };
  }

  function theMain() {
    if (main === null) {
      const told = mainModule();
      main = newModule(told[0], ".", told[1]);
      cache[main.filename] = main;
    }
    return main;
  }

  function folderOf(file) {
    const slash = apply(lastIndexOf, file, ["/"]);
    return slash < 0 ? "." : slash === 0 ? "/" : apply(slice, file, [0, slash]);
  }

  function load(found) {
    // Between two modules lie some calls of this file; by default only ten in all are remembered.
    if ($Error.stackTraceLimit === 10) $Error.stackTraceLimit = 100;
    const file = found[0], kind = found[1];
    if (kind === "main") return theMain();
    const present = cache[file];
    if (present !== undefined) return present;
    const module = newModule(file, file, folderOf(file));
    cache[file] = module;
    let done = false;
    try {
      if (kind === "json") {
        module.exports = parse(found[2]);
      } else {
        const body = compile(found[2], file, found[3]);
        define(body, "name", "module");
        apply(body, module.exports,
          [module.exports, requireOf(file), module, file, module.path]);
      }
      done = true;
    } finally {
      // What failed is loaded anew the next time.
      if (!done && cache[file] === module) delete cache[file];
    }
    module.loaded = true;
    return module;
  }

  // The `require` of one file; `file` is null for the script itself.
  function requireOf(file) {
    const known = { __proto__: null };

    function resolve(specifier) {
      if (typeof specifier !== "string") {
        throw new StateError("require: argument 'name' must be text, not "
          + (specifier === null ? "null" : typeof specifier),
          "invalid_argument", { parameter: "name" }, 'call it as require("./lib/util")');
      }
      const found = find(specifier, file ?? theMain().filename);
      known[specifier] = found[0];
      return found;
    }

    function require(specifier) {
      if (typeof specifier === "string") {
        const at = known[specifier];
        if (at !== undefined) {
          const module = cache[at];
          if (module !== undefined) return module.exports;
        }
      }
      return load(resolve(specifier)).exports;
    }
    define(require, "resolve", (specifier) => resolve(specifier)[0]);
    define(require, "cache", cache);
    defineProperty(require, "main", { __proto__: null, get: theMain, configurable: true });
    return require;
  }

  // The script's own ----------------------------------------------------------------------------

  define(globals, "require", requireOf(null));
  // Made when they are first asked for, which in most scripts is never.
  const own = {
    __proto__: null,
    module: theMain,
    exports: () => theMain().exports,
    __filename: () => theMain().filename,
    __dirname: () => theMain().path,
  };
  for (const name of ["module", "exports", "__filename", "__dirname"]) {
    defineProperty(globals, name, { __proto__: null, enumerable: false, configurable: true,
      get: own[name], set(value) { define(globals, name, value); } });
  }
}
