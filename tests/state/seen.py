"""What a canonical value is to each language, said once, and told by each language itself.

``as_seen_by`` gives the canonical value that a value becomes when a script loads it and saves it
again. There are three differences, each for a reason; everything else must come back unchanged.
``fingerprint`` writes a value down with all its types; the scripts below do the same in their own
language, so that two mistakes of one bridge cannot cancel out.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAFE = 2**53 - 1

timestamps = st.datetimes(timezones=st.just(UTC))
integers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [0, -1, SAFE, SAFE + 1, -SAFE - 1, 2**63 - 1, -(2**63), 2**31, 2**32]
)
floats = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 1.0, 2.0**53, -(2.0**53), 1e300, 5e-324, 0.1, 1e21, 1e16]
)
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["", "\0", "~", "!", "\x7f", '"', "\\", "\u2028", "😀", "שלום", "l", "nil", "\r\n"]
)
keys = texts | st.sampled_from(
    ["__proto__", "constructor", "then", "toJSON", "length", "1", "a b", "end", "hasOwnProperty"]
)
scalars = st.none() | st.booleans() | integers | floats | texts | st.binary() | timestamps
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=12,
)


def as_seen_by(language: str, value: Any) -> Any:
    """Return what a value is after a script of that language loaded and saved it."""
    if type(value) is list:
        return [as_seen_by(language, item) for item in value]
    if type(value) is dict:
        members = {key: as_seen_by(language, member) for key, member in value.items()}
        # A member that is nil does not exist in Lua; only lists have a stand-in, JSON.null.
        return {k: v for k, v in members.items() if language != "lua" or v is not None}
    if language == "lua" and type(value) is bytes:
        # Lua has one type of string; it counts as text when it is valid UTF-8.
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if language == "js" and type(value) is float and abs(value) <= SAFE and value.is_integer():
        # JavaScript has one type of number; 1.0 is 1. The sign of zero stays.
        return value if str(value) == "-0.0" else int(value)
    return value


def fingerprint(value: Any, *, language: str = "python") -> str:
    """Write a canonical value down with its types, as the language's script does."""
    kind = type(value)
    if value is None:
        return "n"
    if kind is bool:
        return "t" if value else "f"
    if kind is int:
        return f"i{value}"
    if kind is float:
        return "d" + struct.pack(">d", value).hex()
    if kind is str:
        return "s" + value.encode().hex()
    if kind is bytes:
        return "b" + value.hex()
    if kind is datetime:
        micros = (value - EPOCH) // timedelta(microseconds=1)
        # A Date shows milliseconds; it carries the microseconds along unseen.
        return f"T{micros // 1000}" if language == "js" else f"T{micros}"
    if kind is list:
        return "[" + ",".join(fingerprint(item, language=language) for item in value) + "]"
    members = [f"{k.encode().hex()}:{fingerprint(v, language=language)}" for k, v in value.items()]
    return "{" + ",".join(sorted(members)) + "}"


LUA = r"""
local function hex(text) return (text:gsub('.', function(c) return ('%02x'):format(c:byte()) end)) end
function fingerprint(v)
  local kind = math.type(v) or type(v)
  if v == nil or v == JSON.null then return 'n' end
  if kind == 'boolean' then return v and 't' or 'f' end
  if kind == 'integer' then return 'i' .. v end
  if kind == 'float' then return 'd' .. hex(string.pack('>d', v)) end
  if kind == 'string' then return (utf8.len(v) and 's' or 'b') .. hex(v) end
  if rawget(v, 'micros') and tostring(v):find('Z$') and v.iso then return 'T' .. v.micros end
  local parts = {}
  if #v > 0 or next(v) == nil and JSON.stringify(v) == '[]' then
    for i = 1, #v do parts[i] = fingerprint(v[i]) end
    return '[' .. table.concat(parts, ',') .. ']'
  end
  for key, member in pairs(v) do parts[#parts + 1] = hex(key) .. ':' .. fingerprint(member) end
  table.sort(parts)
  return '{' .. table.concat(parts, ',') .. '}'
end
function load_print(key) return fingerprint(State.load('global', key)) end
function carry(from, to) State.save('global', to, State.load('global', from)) end
"""
JS = r"""
function utf8(text) {
  return unescape(encodeURIComponent(text));
}
function hex(bytes) {
  return Array.from(bytes, (c) => (typeof c === 'string' ? c.charCodeAt(0) : c)
    .toString(16).padStart(2, '0')).join('');
}
function fingerprint(v) {
  if (v === null || v === undefined) return 'n';
  switch (typeof v) {
    case 'boolean': return v ? 't' : 'f';
    case 'bigint': return 'i' + v;
    case 'string': return 's' + hex(utf8(v));
    case 'number': {
      if (Number.isSafeInteger(v) && !Object.is(v, -0)) return 'i' + v;
      const view = new DataView(new ArrayBuffer(8));
      view.setFloat64(0, v);
      return 'd' + hex(new Uint8Array(view.buffer));
    }
  }
  if (v instanceof Uint8Array) return 'b' + hex(v);
  if (v instanceof Date) return 'T' + v.getTime();
  if (Array.isArray(v)) return '[' + v.map(fingerprint).join(',') + ']';
  const parts = Object.keys(v).map((key) => hex(utf8(key)) + ':' + fingerprint(v[key]));
  return '{' + parts.sort().join(',') + '}';
}
function load_print(key) { return fingerprint(State.sync.load('global', key)); }
function carry(from, to) { State.sync.save('global', to, State.sync.load('global', from)); }
"""
