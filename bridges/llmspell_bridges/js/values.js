// Values to text and back (see wire.py). Captures what it uses, since scripts may replace the
// built-ins. Given the depth allowed; its value is what the prelude needs of it.
(function (maxDepth) {
  "use strict";

  const { parse, stringify } = JSON;
  const { isArray } = Array;
  const { defineProperty, freeze, getOwnPropertySymbols, getPrototypeOf, keys,
    setPrototypeOf } = Object;
  const { apply } = Reflect;
  const { isInteger, isSafeInteger } = Number;
  const objectPrototype = Object.prototype;
  const mapEntries = Map.prototype.forEach;
  const dateTime = Date.prototype.getTime;
  const toBase64 = Uint8Array.prototype.toBase64;
  const bufferBase64 = function () { return apply(toBase64, new $Uint8Array(this), []); };
  const fromBase64 = Uint8Array.fromBase64;
  const bigText = BigInt.prototype.toString;
  const isWellFormed = String.prototype.isWellFormed;
  const regexpTest = RegExp.prototype.test;
  const sliceText = String.prototype.slice;
  const join = Array.prototype.join;
  const weakGet = WeakMap.prototype.get, weakSet = WeakMap.prototype.set;
  const $Date = Date, $Map = Map, $Promise = Promise, $Set = Set,
    $String = String, $Uint8Array = Uint8Array, $ArrayBuffer = ArrayBuffer, $BigInt = BigInt,
    $WeakMap = WeakMap;

  // Text made with `+` may be a rope, which the binding cannot carry; joined text is flat.
  function flat(mark, text) {
    return apply(join, [mark, text], [""]);
  }

  // Values to text ----------------------------------------------------------------------------

  // The fast way is the VM's own JSON with a replacer that lets only plain data through. What it
  // cannot judge (a Date, bytes, a BigInt, -0, a value that changed under its `toJSON`) makes it
  // give up, and the exact way below reads the value itself.
  const NOT_PLAIN = freeze({ __proto__: null });

  function plain(key, value) {
    if (this[key] !== value) throw NOT_PLAIN;
    switch (typeof value) {
      case "string":
      case "boolean":
        return value;
      case "number":
        if ((value | 0) === value ? value !== 0 || 1 / value > 0
          : isSafeInteger(value) || (value - value === 0 && !isInteger(value))) return value;
        break;
      case "object": {
        if (value === null || isArray(value)) return value;
        const prototype = getPrototypeOf(value);
        if ((prototype === objectPrototype || prototype === null)
          && getOwnPropertySymbols(value).length === 0) return value;
        break;
      }
      case "undefined":
        if (!isArray(this)) return value;
    }
    throw NOT_PLAIN;
  }

  // What is built here has no prototype: setters and `toJSON` that a script put on the built-in
  // prototypes must not see it, let alone change it.
  function tagged(...items) {
    return setPrototypeOf(items, null);
  }

  class Refusal {
    constructor(path, problem, hint, code = "invalid_value") {
      this.path = path;
      this.problem = problem;
      this.hint = hint;
      this.code = code;
    }
  }

  // `test` calls the expression's `exec`, which must not be one a script put in its place.
  const NAME = defineProperty(/^[A-Za-z_][A-Za-z0-9_]*$/, "exec", { value: RegExp.prototype.exec });
  function member(path, key) {
    if (apply(regexpTest, NAME, [key])) return path + "." + key;
    return path + "[" + stringify(key.length > 40 ? apply(sliceText, key, [0, 39]) + "…" : key)
      + "]";
  }

  function exactNumber(value, path) {
    if (value !== value) throw new Refusal(path, "is NaN, which cannot be stored", "use null");
    if (value - value !== 0) {
      throw new Refusal(path, "is an infinite number, which cannot be stored", "use null");
    }
    if (value === 0 && 1 / value < 0) return tagged("f", "-0.0");
    return isInteger(value) && !isSafeInteger(value) ? tagged("f", $String(value)) : value;
  }

  // Something may call itself a Date without being one, and a buffer may be detached.
  function readBuiltIn(method, value, path, kind) {
    try {
      return apply(method, value, []);
    } catch {
      throw new Refusal(path, "is no usable instance of " + kind);
    }
  }

  // The years 1 to 9999, as the host's own timestamps.
  const FIRST_MS = -62135596800000, LAST_MS = 253402300799999;
  // Microseconds of timestamps that came from the host; a Date itself holds milliseconds only.
  const microseconds = new $WeakMap();

  function exactDate(value, path) {
    const ms = readBuiltIn(dateTime, value, path, "a Date");
    if (ms !== ms) throw new Refusal(path, "is an invalid Date, which cannot be stored");
    if (ms < FIRST_MS || ms > LAST_MS) {
      throw new Refusal(path, "is a timestamp outside the years 1 to 9999");
    }
    const kept = apply(weakGet, microseconds, [value]);
    return tagged("t", ms, kept !== undefined && kept.ms === ms ? kept.us : 0);
  }

  function checkDepth(path, depth) {
    if (depth <= maxDepth) return;
    throw new Refusal(path.length > 60 ? apply(sliceText, path, [0, 57]) + "..." : path,
      "is nested more than " + maxDepth + " levels deep, or contains itself",
      "flatten the value, or split it over several keys", "limit_exceeded");
  }

  function exactList(value, path, depth) {
    checkDepth(path, depth);
    const list = tagged("l"), length = value.length;
    for (let index = 0; index < length; index++) {
      const item = value[index];
      const at = path + "[" + index + "]";
      if (item === undefined) {
        throw new Refusal(at, "is undefined in an array, which cannot be stored", "use null");
      }
      list[index + 1] = exact(item, at, depth + 1);
    }
    return list;
  }

  function checkKey(key, path) {
    if (!apply(isWellFormed, key, [])) {
      throw new Refusal(path, "has a key that is not valid Unicode (a lone surrogate)");
    }
  }

  function exactObject(value, path, depth) {
    checkDepth(path, depth);
    if (getOwnPropertySymbols(value).length) {
      throw new Refusal(path, "has a symbol as a key, which cannot be stored", "use text keys");
    }
    const map = { __proto__: null }, names = keys(value);
    for (let index = 0; index < names.length; index++) {
      const name = names[index], item = value[name];
      checkKey(name, path);
      if (item !== undefined) map[name] = exact(item, member(path, name), depth + 1);
    }
    return map;
  }

  function exactMap(value, path, depth) {
    checkDepth(path, depth);
    const map = { __proto__: null };
    apply(mapEntries, value, [(item, name) => {
      if (typeof name !== "string") {
        throw new Refusal(path, "is a Map with a key of type " + typeof name, "use text keys");
      }
      checkKey(name, path);
      if (item !== undefined) map[name] = exact(item, member(path, name), depth + 1);
    }]);
    return map;
  }

  function className(value) {
    try {
      const name = value.constructor.name;
      return typeof name === "string" && name ? name : "object";
    } catch {
      return "object";
    }
  }

  function exactThing(value, path, depth) {
    if (value === null) return null;
    if (isArray(value)) return exactList(value, path, depth);
    const prototype = getPrototypeOf(value);
    if (prototype === objectPrototype || prototype === null) {
      return exactObject(value, path, depth);
    }
    if (value instanceof $Date) return exactDate(value, path);
    if (value instanceof $Uint8Array) {
      return tagged("b", readBuiltIn(toBase64, value, path, "Uint8Array"));
    }
    if (value instanceof $ArrayBuffer) {
      return tagged("b", readBuiltIn(bufferBase64, value, path, "ArrayBuffer"));
    }
    if (value instanceof $Map) return exactMap(value, path, depth);
    if (value instanceof $Set) {
      throw new Refusal(path, "is a Set, which cannot be stored", "store an array: [...set]");
    }
    if (value instanceof $Promise) {
      throw new Refusal(path, "is a promise, which cannot be stored", "await it first");
    }
    throw new Refusal(path, "is an instance of " + className(value) + ", which would be lost",
      "pass a plain object, for example {...value}");
  }

  function exact(value, path, depth) {
    switch (typeof value) {
      case "boolean":
        return value;
      case "string":
        if (apply(isWellFormed, value, [])) return value;
        throw new Refusal(path, "is not valid Unicode text (a lone surrogate)",
          "store it as bytes (Uint8Array), or repair it with toWellFormed()");
      case "number":
        return exactNumber(value, path);
      case "bigint":
        if (value > 9223372036854775807n || value < -9223372036854775808n) {
          throw new Refusal(path, "is an integer beyond 64 bits", "store it as text");
        }
        return tagged("i", apply(bigText, value, []));
      case "object":
        return exactThing(value, path, depth);
    }
    throw new Refusal(path, "is " + (typeof value === "undefined" ? "undefined" : "a "
      + typeof value) + ", which cannot be stored",
      typeof value === "undefined" ? "use null"
        : "store null, booleans, numbers, text, bytes, arrays, objects or Dates");
  }

  // Text to values ------------------------------------------------------------------------------

  function date(ms, us) {
    const value = new $Date(ms);
    if (us) apply(weakSet, microseconds, [value, { __proto__: null, ms, us }]);
    return value;
  }

  function revive(item) {
    if (typeof item !== "object" || item === null) return item;
    if (!isArray(item)) {
      const names = keys(item);
      for (let index = 0; index < names.length; index++) {
        const value = revive(item[names[index]]);
        defineProperty(item, names[index],
          { __proto__: null, value, writable: true, enumerable: true, configurable: true });
      }
      return item;
    }
    switch (item[0]) {
      case "l": {
        // In place: adding elements to an array could meet setters on its prototype.
        for (let index = 1; index < item.length; index++) item[index - 1] = revive(item[index]);
        item.length--;
        return item;
      }
      case "b": return apply(fromBase64, $Uint8Array, [item[1]]);
      case "t": return date(item[1], item[2]);
      case "i": return $BigInt(item[1]);
    }
    return undefined;
  }

  function value(text) {
    return text[0] === "~" ? revive(parse(apply(sliceText, text, [1]))) : parse(text);
  }

  return { __proto__: null, plain, exact, value, flat, tagged, Refusal };
})
