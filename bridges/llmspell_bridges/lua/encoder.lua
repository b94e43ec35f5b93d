-- Script values to text (see wire.py). Given the marks and the depth allowed; returns
-- `encode_all(count, ...)`, which makes one text of several values, or nil, and `last_problem()`,
-- which tells why: message, code, hint, path (the value's position, a NUL, the path in it).
local marks, max_depth = ...

local byte, find, format, gsub, sub = string.byte, string.find, string.format, string.gsub, string.sub
local concat, mtype, ulen, huge = table.concat, math.type, utf8.len, math.huge
local type, next, select = type, next, select
local rawlen, rawget, rawequal = rawlen, rawget, rawequal
local raw_getmetatable = debug.getmetatable
local LIST, NULL, TIME = marks.LIST, marks.NULL, marks.TIME
-- The years 1 to 9999, as the host's own timestamps.
local FIRST_MICROS, LAST_MICROS = -62135596800000000, 253402300799999999

local ESCAPES = {}
for code = 0, 31 do ESCAPES[string.char(code)] = format("\\u%04x", code) end
ESCAPES['"'], ESCAPES["\\"] = '\\"', "\\\\"
ESCAPES["\n"], ESCAPES["\t"], ESCAPES["\r"] = "\\n", "\\t", "\\r"
local LATIN = {}
for code = 0, 255 do
  local char = string.char(code)
  LATIN[char] = ESCAPES[char] or (code < 128 and char or utf8.char(code))
end

-- Quoted forms of short strings, and of keys with what stands around them in a map. Keys repeat,
-- so this spares most of the quoting.
local quoted, first_key, next_key, known_count = {}, {}, {}, 0

-- The digits of small integers, which would be formatted anew each time. (Not in `quoted`: there
-- the float 1.0 would find the integer 1.)
local digits = {}
for number = 0, 99 do digits[number] = format("%d", number) end

-- Returns nil for text that is not UTF-8.
local function quote(text)
  local q
  if not find(text, '[%c"\\\128-\255]') then
    q = '"' .. text .. '"'
  elseif ulen(text) then
    q = '"' .. gsub(text, '[%c"\\]', ESCAPES) .. '"'
  else
    return nil
  end
  if #text <= 40 then
    if known_count >= 2000 then quoted, first_key, next_key, known_count = {}, {}, {}, 0 end
    quoted[text], known_count = q, known_count + 1
  end
  return q
end

-- Returns the key as it opens a map and as it follows another member; nil for bad text.
local function key_forms(key)
  local q = quoted[key] or quote(key)
  if not q then return nil end
  local first, following = "{" .. q .. ":", "," .. q .. ":"
  if quoted[key] then first_key[key], next_key[key] = first, following end
  return first, following
end

local function number_text(n)
  if mtype(n) == "integer" then return n end
  if n ~= n or n == huge or n == -huge then return nil end
  local text = format("%.17g", n)
  return find(text, "[.e]") and text or text .. ".0"
end

-- The encoder writes into one buffer. It runs no script code (reads are raw), so it cannot be
-- entered twice. On failure it returns nil and leaves the reason and the path behind.
local buffer, tagged = {}, false
local problem, problem_code, problem_hint, path

local function refuse(message, hint, code)
  problem, problem_code, problem_hint, path = message, code or "invalid_value", hint, ""
  return nil
end

local function restart_tagged()
  problem, path = false, ""
  return nil
end

-- Never calls `tostring` on a table: that could run script code inside the encoder.
local function named(key)
  if type(key) == "number" then return "[" .. key .. "]" end
  if type(key) ~= "string" then return "[" .. type(key) .. "]" end
  if find(key, "^[%a_][%w_]*$") then return "." .. key end
  if #key > 40 then key = sub(key, 1, 39) .. "..." end
  return '["' .. gsub(key, '[%c"\\\128-\255]', function(c)
    return format("\\x%02x", byte(c))
  end) .. '"]'
end

local encode

local function encode_string(text, n)
  local q = quoted[text] or quote(text)
  if q then
    buffer[n + 1] = q
    return n + 1
  end
  if not tagged then return restart_tagged() end
  buffer[n + 1] = '["x","' .. gsub(text, ".", LATIN) .. '"]'
  return n + 1
end

local function encode_number(value, n)
  local text = number_text(value)
  if not text then
    return refuse(value ~= value and "is NaN, which cannot be stored"
      or "is an infinite number, which cannot be stored", "use JSON.null")
  end
  buffer[n + 1] = text
  return n + 1
end

local function refuse_list_key(key)
  return refuse("mixes list items with the key " .. sub(named(key), 1, 60)
    .. (mtype(key) == "integer" and " (the list has a hole)" or ""),
    "use only the keys 1..n, or only text keys; JSON.null fills a hole")
end

-- Says which key makes a table no list.
local function refuse_list(value, length)
  for key in next, value do
    if mtype(key) ~= "integer" or key < 1 or key > length then return refuse_list_key(key) end
  end
  return refuse("is a list with a hole", "use only the keys 1..n; JSON.null fills a hole")
end

-- A table with `length` members of which none of 1..length is missing has no other keys.
local function encode_list(value, length, n, depth)
  local count = 0
  for _ in next, value do count = count + 1 end
  if count ~= length then return refuse_list(value, length) end
  n = n + 1
  buffer[n] = tagged and (length > 0 and '["l",' or '["l"') or "["
  for index = 1, length do
    if index > 1 then
      n = n + 1
      buffer[n] = ","
    end
    local item = rawget(value, index)
    local known = quoted[item]
    if known then
      n = n + 1
      buffer[n] = known
    elseif item == nil then
      return refuse_list(value, length)
    elseif mtype(item) == "integer" then
      n = n + 1
      buffer[n] = digits[item] or item
    else
      n = encode(item, n, depth + 1)
      if not n then
        path = "[" .. index .. "]" .. path
        return nil
      end
    end
  end
  buffer[n + 1] = "]"
  return n + 1
end

local function refuse_map_key(key)
  if type(key) == "string" then
    refuse("is a key that is not valid UTF-8", "keys must be text")
    path = named(key)
    return nil
  end
  return refuse("mixes text keys with the key " .. sub(named(key), 1, 60)
    .. " of type " .. type(key), "use only the keys 1..n, or only text keys")
end

local function encode_map(value, n, depth)
  local is_first = true
  for key, member in next, value do
    local lead
    if is_first then
      lead, is_first = first_key[key], false
      if not lead and type(key) == "string" then lead = key_forms(key) end
    else
      lead = next_key[key]
      if not lead and type(key) == "string" then
        local _, following = key_forms(key)
        lead = following
      end
    end
    if not lead then return refuse_map_key(key) end
    buffer[n + 1] = lead
    -- Short known strings and integers, the most frequent members, need no call.
    local known = quoted[member]
    if known then
      buffer[n + 2] = known
      n = n + 2
    elseif mtype(member) == "integer" then
      buffer[n + 2] = digits[member] or member
      n = n + 2
    else
      n = encode(member, n + 1, depth + 1)
      if not n then
        path = named(key) .. path
        return nil
      end
    end
  end
  n = n + 1
  buffer[n] = is_first and "{}" or "}"
  return n
end

local function refuse_depth()
  return refuse("is nested more than " .. max_depth .. " levels deep, or contains itself",
    "flatten the value, or split it over several keys", "limit_exceeded")
end

local function encode_marked(value, mark, n, depth)
  if rawequal(value, NULL) then
    buffer[n + 1] = "null"
    return n + 1
  end
  if rawequal(mark, LIST) then
    if depth > max_depth then return refuse_depth() end
    return encode_list(value, rawlen(value), n, depth)
  end
  if rawequal(mark, TIME) then
    if not tagged then return restart_tagged() end
    local micros = rawget(value, "micros")
    if mtype(micros) ~= "integer" then return refuse("is a timestamp without integer micros") end
    if micros < FIRST_MICROS or micros > LAST_MICROS then
      return refuse("is a timestamp outside the years 1 to 9999")
    end
    buffer[n + 1] = '["t",' .. micros // 1000 .. "," .. micros % 1000 .. "]"
    return n + 1
  end
  return refuse("is a table with a metatable, which would be lost", "pass a plain table")
end

function encode(value, n, depth)
  local kind = type(value)
  if kind == "string" then
    return encode_string(value, n)
  elseif kind == "number" then
    return encode_number(value, n)
  elseif kind == "table" then
    local mark = raw_getmetatable(value)
    if mark then return encode_marked(value, mark, n, depth) end
    if depth > max_depth then return refuse_depth() end
    local length = rawlen(value)
    if length > 0 then return encode_list(value, length, n, depth) end
    -- A list with a hole at 1 has length 0, too; the map encoder refuses its keys.
    return encode_map(value, n, depth)
  elseif kind == "boolean" then
    buffer[n + 1] = value and "true" or "false"
    return n + 1
  elseif kind == "nil" then
    buffer[n + 1] = "null"
    return n + 1
  end
  return refuse("is a " .. kind .. ", which cannot be stored",
    "store nil, booleans, numbers, strings, lists, maps or timestamps")
end

local function encode_argument(index, value, n)
  if tagged or index > 1 then
    n = n + 1
    buffer[n] = ","
  end
  local known = quoted[value]
  if known then
    buffer[n + 1] = known
    return n + 1
  end
  n = encode(value, n, 1)
  if not n and problem then path = index .. "\0" .. path end
  return n
end

local function encode_once(count, first, second, third, ...)
  buffer[1] = tagged and '~["l"' or "["
  local n = 1
  if count > 0 then n = encode_argument(1, first, n) end
  if n and count > 1 then n = encode_argument(2, second, n) end
  if n and count > 2 then n = encode_argument(3, third, n) end
  for index = 4, count do
    n = n and encode_argument(index, (select(index - 3, ...)), n)
  end
  if not n then return nil end
  n = n + 1
  buffer[n] = "]"
  local text = concat(buffer, "", 1, n)
  if n > 10000 then buffer = {} end
  return text
end

-- Most values need no tags; the first that does makes everything be encoded again with them.
local function encode_all(count, ...)
  tagged = false
  local text = encode_once(count, ...)
  if text == nil and problem == false then
    tagged = true
    text = encode_once(count, ...)
  end
  return text
end

local function last_problem()
  return problem, problem_code, problem_hint, path
end

return encode_all, last_problem
