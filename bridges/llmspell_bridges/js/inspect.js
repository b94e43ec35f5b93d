// How values look to a reader: `console.log`, `print` and the REPL. Captures what it uses, since
// scripts may replace the built-ins. Its value is `inspect(value) -> text`.
(function () {
  "use strict";

  const { apply, ownKeys } = Reflect;
  const { stringify } = JSON;
  const { isArray } = Array;
  const { getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const join = Array.prototype.join;
  const test = RegExp.prototype.test;
  const toIso = Date.prototype.toISOString, dateTime = Date.prototype.getTime;
  const mapForEach = Map.prototype.forEach, setForEach = Set.prototype.forEach;
  const has = Set.prototype.has, add = Set.prototype.add, remove = Set.prototype.delete;
  const $Date = Date, $Error = Error, $Map = Map, $Promise = Promise, $Set = Set,
    $String = String, $Uint8Array = Uint8Array, objectPrototype = Object.prototype;
  const MAX_ITEMS = 100, MAX_DEPTH = 5, LINE = 72;
  const NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

  function named(name) {
    if (typeof name === "symbol") return "[" + $String(name) + "]";
    return apply(test, NAME, [name]) ? name : stringify(name);
  }

  function lines(open, parts, close, depth) {
    if (parts.length === 0) return open + close;
    const short = open + " " + apply(join, parts, [", "]) + " " + close;
    if (short.length <= LINE && !apply(test, /\n/, [short])) return short;
    let indent = "\n";
    for (let level = 0; level < depth; level++) indent += "  ";
    return open + indent + "  " + apply(join, parts, ["," + indent + "  "]) + indent + close;
  }

  function items(value, depth, seen) {
    const parts = [];
    for (let index = 0; index < value.length; index++) {
      if (index === MAX_ITEMS) {
        parts[index] = "... " + (value.length - MAX_ITEMS) + " more";
        break;
      }
      parts[index] = show(value[index], depth + 1, seen);
    }
    return parts;
  }

  function members(value, depth, seen) {
    const parts = [], names = ownKeys(value);
    for (let index = 0; index < names.length; index++) {
      const property = getOwnPropertyDescriptor(value, names[index]);
      if (property === undefined || !property.enumerable) continue;
      if (parts.length === MAX_ITEMS) {
        parts[parts.length] = "... more";
        break;
      }
      parts[parts.length] = named(names[index]) + ": "
        + (property.get ? "[getter]" : show(property.value, depth + 1, seen));
    }
    return parts;
  }

  function entries(value, depth, seen) {
    const parts = [];
    if (value instanceof $Map) {
      apply(mapForEach, value, [(item, key) => {
        parts[parts.length] = show(key, depth + 1, seen) + " => " + show(item, depth + 1, seen);
      }]);
    } else {
      apply(setForEach, value, [(item) => { parts[parts.length] = show(item, depth + 1, seen); }]);
    }
    return parts;
  }

  function className(value) {
    try {
      const name = getPrototypeOf(value)?.constructor?.name;
      return typeof name === "string" && name !== "" ? name : "Object";
    } catch {
      return "Object";
    }
  }

  function container(value, depth, seen) {
    if (isArray(value)) return lines("[", items(value, depth, seen), "]", depth);
    if (value instanceof $Uint8Array) {
      return "Uint8Array(" + value.length + ") " + lines("[", items(value, depth, seen), "]", depth);
    }
    if (value instanceof $Map) return lines("Map {", entries(value, depth, seen), "}", depth);
    if (value instanceof $Set) return lines("Set {", entries(value, depth, seen), "}", depth);
    const prototype = getPrototypeOf(value);
    const plain = prototype === objectPrototype || prototype === null;
    return lines(plain ? "{" : className(value) + " {", members(value, depth, seen), "}", depth);
  }

  function object(value, depth, seen) {
    if (value instanceof $Date) {
      const ms = apply(dateTime, value, []);
      return ms === ms ? apply(toIso, value, []) : "Invalid Date";
    }
    if (value instanceof $Error) {
      const { name, message, code } = value;
      return $String(name) + ": " + $String(message) + (typeof code === "string" ? " [" + code + "]" : "");
    }
    if (value instanceof $Promise) return "Promise (use await)";
    if (apply(has, seen, [value])) return "[circular]";
    if (depth > MAX_DEPTH) return isArray(value) ? "[...]" : "{...}";
    apply(add, seen, [value]);
    const text = container(value, depth, seen);
    apply(remove, seen, [value]);
    return text;
  }

  function show(value, depth, seen) {
    switch (typeof value) {
      case "string": return stringify(value);
      case "number": return value === 0 && 1 / value < 0 ? "-0" : $String(value);
      case "bigint": return $String(value) + "n";
      case "function": {
        const property = getOwnPropertyDescriptor(value, "name");
        return "[function " + (property && typeof property.value === "string" && property.value
          ? property.value : "anonymous") + "]";
      }
      case "object": return value === null ? "null" : object(value, depth, seen);
    }
    return $String(value);
  }

  return function inspect(value) {
    try {
      return show(value, 0, new $Set());
    } catch {
      return "[a value that cannot be shown]";
    }
  };
})()
