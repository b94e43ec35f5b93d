-- The Lua side of the bridge. Runs once in a fresh VM, before any script, and returns the few
-- functions the host calls. Everything a script could replace is captured here first; only text
-- crosses `door(index, text)`, the one host function, which lives in closures and nowhere else.
local door, max_depth = ...

local byte, find, format, gsub = string.byte, string.find, string.format, string.gsub
local sub, match, rep = string.sub, string.match, string.rep
local concat, pack, unpack = table.concat, table.pack, table.unpack
local table_sort = table.sort
local mtype, ulen = math.type, utf8.len
local huge = math.huge
local type, next, select, rawlen, rawget = type, next, select, rawlen, rawget
local tostring, tonumber, error, pcall, xpcall = tostring, tonumber, error, pcall, xpcall
local raw_setmetatable, raw_load = setmetatable, load
local raw_getmetatable = debug.getmetatable
local getinfo, traceback = debug.getinfo, debug.traceback
local os_date = os.date

-- Marks -------------------------------------------------------------------------------------

local LIST = { __name = "list" }
local NULL = raw_setmetatable({}, {
  __name = "null",
  __metatable = false,
  __tostring = function() return "null" end,
  __newindex = function() error("JSON.null cannot be changed", 2) end,
})
local TIME = { __name = "timestamp" }
local ERROR = { __name = "error", __metatable = false }

local function list(items) return raw_setmetatable(items, LIST) end

-- Errors ------------------------------------------------------------------------------------

ERROR.__tostring = function(e) return e.message end

local function failure(code, message, details, hint)
  return raw_setmetatable(
    { code = code, message = message, details = details or {}, hint = hint }, ERROR)
end

-- Text of the script's values -----------------------------------------------------------------

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

local function encode_list(value, length, n, depth)
  local count, integers = 0, not tagged
  for key, item in next, value do
    if mtype(key) ~= "integer" or key < 1 or key > length then return refuse_list_key(key) end
    count = count + 1
    if integers and mtype(item) ~= "integer" then integers = false end
  end
  if count ~= length then
    return refuse("is a list with a hole", "use only the keys 1..n; JSON.null fills a hole")
  end
  n = n + 1
  if integers then
    buffer[n] = "[" .. concat(value, ",") .. "]"
    return n
  end
  buffer[n] = tagged and (length > 0 and '["l",' or '["l"') or "["
  for index = 1, length do
    if index > 1 then
      n = n + 1
      buffer[n] = ","
    end
    n = encode(rawget(value, index), n, depth + 1)
    if not n then
      path = "[" .. index .. "]" .. path
      return nil
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
      buffer[n + 2] = member
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

local function encode_marked(value, mark, n, depth)
  if value == NULL then
    buffer[n + 1] = "null"
    return n + 1
  end
  if mark == LIST then return encode_list(value, rawlen(value), n, depth) end
  if mark == TIME then
    if not tagged then return restart_tagged() end
    local micros = rawget(value, "micros")
    if mtype(micros) ~= "integer" then return refuse("is a timestamp without integer micros") end
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
    if depth > max_depth then
      return refuse("is nested more than " .. max_depth .. " levels deep, or contains itself",
        "flatten the value, or split it over several keys", "limit_exceeded")
    end
    local mark = raw_getmetatable(value)
    if mark then return encode_marked(value, mark, n, depth) end
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

local function encode_once(count, ...)
  local n = 1
  buffer[1] = tagged and '~["l"' or "["
  for index = 1, count do
    if tagged or index > 1 then
      n = n + 1
      buffer[n] = ","
    end
    local value = select(index, ...)
    local known = quoted[value]
    if known then
      n = n + 1
      buffer[n] = known
    else
      n = encode(value, n, 1)
      if not n then
        if problem then path = index .. "\0" .. path end
        return nil
      end
    end
  end
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

-- Encodes the arguments of one call; raises a script error that names the argument or the path.
local function arguments(call, params, count, ...)
  if count > 16 then
    error(failure("invalid_argument", call .. ": too many arguments (" .. count .. ")"), 0)
  end
  local text = encode_all(count, ...)
  if text then return text end
  local index, where = match(path, "^(%d+)\0(.*)$")
  local name = params[tonumber(index)] or ("#" .. index)
  if #where > 60 then where = sub(where, 1, 57) .. "..." end
  where = "$" .. where
  local shown = where
  if where == "$" then shown = name == "value" and "the value" or "argument '" .. name .. "'" end
  error(failure(problem_code, call .. ": " .. shown .. " " .. problem,
    { path = where, parameter = name }, problem_hint), 0)
end

-- Values from the host ------------------------------------------------------------------------

local function timestamp(ms, us)
  return raw_setmetatable({ micros = ms * 1000 + us }, TIME)
end

local VALUE_NAMES = { L = list, N = NULL, T = timestamp }

local function raise(reply)
  local e = raw_load(sub(reply, 2), "=error", "t", VALUE_NAMES)()
  error(failure(e.code, e.message, e.details, e.hint), 0)
end

-- Compiled chunks of short replies: loading the same value again only runs its constructor, which
-- makes fresh tables every time.
local compiled, compiled_count = {}, 0

-- Gives a reply its meaning: a chunk that returns the value, or "!" and a chunk of the error.
local function answer(reply)
  local build = compiled[reply]
  if build then return build() end
  if byte(reply) == 33 then raise(reply) end
  local reason
  build, reason = raw_load(reply, "=value", "t", VALUE_NAMES)
  if not build then error(reason, 0) end
  if #reply <= 1000 then
    if compiled_count >= 200 then compiled, compiled_count = {}, 0 end
    compiled[reply], compiled_count = build, compiled_count + 1
  end
  return build()
end

-- Every script-visible host function is one of these closures. `unpack_record` is there when the
-- function returns a record, which crosses packed.
local function bind(index, call, params, unpack_record)
  if not unpack_record then
    return function(...)
      return answer(door(index, arguments(call, params, select("#", ...), ...)))
    end
  end
  return function(...)
    local reply = door(index, arguments(call, params, select("#", ...), ...))
    local mark = byte(reply)
    if mark == 33 then raise(reply) end
    if mark then return unpack_record(reply, mark) end
  end
end

-- Timestamps ------------------------------------------------------------------------------------

local time_methods = {}
TIME.__index = time_methods
TIME.__eq = function(a, b) return a.micros == b.micros end
TIME.__lt = function(a, b) return a.micros < b.micros end
TIME.__le = function(a, b) return a.micros <= b.micros end
TIME.__tostring = function(t) return t:iso() end

function time_methods:unix() return self.micros / 1000000 end

function time_methods:iso()
  local seconds, micros = self.micros // 1000000, self.micros % 1000000
  local text = os_date("!%Y-%m-%dT%H:%M:%S", seconds)
  if #text < 20 then text = rep("0", 19 - #text) .. text end
  return text .. (micros > 0 and format(".%06d", micros) or "") .. "Z"
end

-- The script's own environment ------------------------------------------------------------------

local env = {}
env._G = env
env._VERSION = _VERSION
for name in ("assert error ipairs next pairs pcall rawequal rawget rawlen rawset select "
  .. "tonumber tostring type xpcall getmetatable"):gmatch("%a+") do
  env[name] = _G[name]
end
for name in ("coroutine math string table utf8"):gmatch("%w+") do
  local copy = {}
  for key, value in next, _G[name] do copy[key] = value end
  env[name] = copy
end
-- Strings find their methods in the real `string` table through their metatable: make it ours.
string.dump, env.string.dump = nil, nil
raw_getmetatable("").__index = env.string
env.os = { clock = os.clock, date = os.date, difftime = os.difftime, time = os.time }

function env.setmetatable(object, mt)
  if type(mt) == "table" and rawget(mt, "__gc") ~= nil then
    error("__gc metamethods are not available in this sandbox", 2)
  end
  return raw_setmetatable(object, mt)
end

function env.load(chunk, name, mode, ...)
  if type(chunk) == "function" then
    local parts = {}
    while true do
      local part = chunk()
      if part == nil or part == "" then break end
      if type(part) ~= "string" then return nil, "reader function must return a string" end
      parts[#parts + 1] = part
    end
    name, chunk = name or "=(load)", concat(parts)
  elseif type(chunk) ~= "string" then
    error("bad argument #1 to 'load' (string or function expected)", 2)
  end
  if mode ~= nil and not find(tostring(mode), "t", 1, true) then
    return nil, "attempt to load a text chunk (only text chunks are available in this sandbox)"
  end
  local where = env
  if select("#", ...) > 0 then where = (...) end
  return raw_load(chunk, name ~= nil and tostring(name) or chunk, "t", where)
end

function env.collectgarbage(what)
  if what == nil or what == "collect" then return collectgarbage("collect") end
  if what == "count" then return collectgarbage("count") end
  error("collectgarbage offers only 'collect' and 'count' in this sandbox", 2)
end

-- Running ---------------------------------------------------------------------------------------

-- Frames of the script, innermost first, as "source\0line\0function\n"; prelude frames left out.
local function frames_from(level)
  local frames, count = {}, 0
  while count < 50 do
    local info = getinfo(level, "Sln")
    if not info then break end
    local source = info.source
    if byte(source) == 64 and info.currentline > 0 then
      count = count + 1
      local name = info.what == "main" and "main chunk" or info.name or "anonymous function"
      frames[count] = sub(source, 2) .. "\0" .. info.currentline .. "\0" .. name
    end
    level = level + 1
  end
  return concat(frames, "\n")
end

local function text_of(value)
  local ok, text = pcall(tostring, value)
  if ok and type(text) == "string" then return text end
  return "(an error object that cannot be shown)"
end

local function member_text(object, key)
  local ok, value = pcall(function() return object[key] end)
  return ok and type(value) == "string" and value or nil
end

-- Turns whatever was raised into plain data while the script's stack still stands.
local function describe(raised)
  local report = { frames = frames_from(2) }
  if type(raised) == "table" and raw_getmetatable(raised) == ERROR then
    report.message, report.code = text_of(rawget(raised, "message")), rawget(raised, "code")
    report.hint = rawget(raised, "hint")
    report.details = rawget(raised, "details")
  elseif type(raised) == "table" then
    report.code = member_text(raised, "code")
    report.message = member_text(raised, "message")
    if not report.message then
      local mark = raw_getmetatable(raised)
      report.message = type(mark) == "table" and rawget(mark, "__tostring") and text_of(raised)
        or "the script raised a table as an error (give it a `message`, or raise text)"
    end
  elseif type(raised) == "string" then
    report.message = raised
  elseif raised == nil then
    report.message = "the script raised nil as an error"
  else
    report.message = text_of(raised)
  end
  return report
end

-- Failures are told in the wire's own text: "!" and a list of message, code, hint, frames, details.
local function failed(report)
  local details = report.details
  for _ = 1, 2 do
    local text = encode_all(1, list({ report.message, report.code or NULL, report.hint or NULL,
      report.frames, details or NULL }))
    if text then return "!" .. text end
    details = nil
  end
  return '![["the script failed with an error that cannot be shown",null,null,"",null]]'
end

-- Runs `fn` and returns what crosses: the text of its first result, or the failure.
local function guarded(fn, ...)
  local results = pack(xpcall(fn, describe, ...))
  if not results[1] then
    local report = results[2]
    if type(report) ~= "table" then  -- an error inside the handler, or out of memory
      report = { message = text_of(report), frames = "" }
    end
    return failed(report)
  end
  local ok, text = pcall(arguments, "return value", { "value" }, 1, results[2])
  if ok then return text end
  text.frames = ""
  return failed(text)
end

local host = {}
local internal = {}

function host.run(source, name)
  local chunk, message = raw_load(source, "@" .. name, "t", env)
  if not chunk then return "?" .. message end
  return guarded(chunk)
end

function host.call(name, source)
  local fn = env[name]
  if type(fn) ~= "function" then
    return failed(failure("script_error", "the script defines no function '" .. name .. "'"))
  end
  local args = raw_load(source, "=value", "t", VALUE_NAMES)()
  return guarded(fn, unpack(args, 1, args.n))
end

-- Puts a bound function at a dotted place ("State.save") in the script's environment, or, when
-- it is internal, where only the preludes of the standard library find it. `record` is the source
-- of what unpacks the record it returns, or "".
function host.define(place, index, params, is_internal, record)
  local names = {}
  for name in params:gmatch("%S+") do names[#names + 1] = name end
  local unpack_record
  if record ~= "" then
    unpack_record = raw_load(record, "=llmspell", "t", {})(string.unpack, function(micros)
      return raw_setmetatable({ micros = micros }, TIME)
    end, math.mininteger)
  end
  local bound = bind(index, place, names, unpack_record)
  if is_internal then
    internal[place] = bound
    return
  end
  local at, last = env, place
  for part, rest in place:gmatch("([^.]+)%.([^.]+)$") do
    at[part] = at[part] or {}
    at, last = at[part], rest
  end
  at[last] = bound
end

-- Runs a prelude of the standard library with what such code may use.
function host.extend(source, name)
  local chunk = assert(raw_load(source, "=" .. name, "t"))
  chunk(env, internal, {
    list = list, null = NULL, timestamp = timestamp, time = TIME,
    failure = failure, is_failure = function(e) return raw_getmetatable(e) == ERROR end,
  })
end

-- Showing values in a REPL --------------------------------------------------------------------

local inspect

local function inspect_table(value, depth, seen)
  if seen[value] then return "<cycle>" end
  if depth > 5 then return "{...}" end
  seen[value] = true
  local length, parts = rawlen(value), {}
  for index = 1, length do
    if index > 100 then
      parts[#parts + 1] = "... " .. length - 100 .. " more"
      break
    end
    parts[index] = inspect(rawget(value, index), depth + 1, seen)
  end
  local names = {}
  for key in next, value do
    if not (mtype(key) == "integer" and key >= 1 and key <= length) then
      names[#names + 1] = key
    end
  end
  table_sort(names, function(a, b)
    if type(a) == type(b) and (type(a) == "string" or type(a) == "number") then return a < b end
    return type(a) < type(b)
  end)
  for index, key in next, names do
    if index > 100 then
      parts[#parts + 1] = "... " .. #names - 100 .. " more"
      break
    end
    local plain = type(key) == "string" and find(key, "^[%a_][%w_]*$")
    local shown = plain and key or "[" .. inspect(key, depth + 1, seen) .. "]"
    parts[#parts + 1] = shown .. " = " .. inspect(rawget(value, key), depth + 1, seen)
  end
  seen[value] = nil
  local one_line = "{" .. concat(parts, ", ") .. "}"
  if #one_line <= 72 and not find(one_line, "\n", 1, true) then return one_line end
  local indent = rep("  ", depth)
  return "{\n  " .. indent .. concat(parts, ",\n  " .. indent) .. "\n" .. indent .. "}"
end

function inspect(value, depth, seen)
  local kind = type(value)
  if kind == "string" then return (gsub(format("%q", value), "\\\n", "\\n")) end
  if kind ~= "table" then return text_of(value) end
  local mark = raw_getmetatable(value)
  if type(mark) == "table" and rawget(mark, "__tostring") then return text_of(value) end
  return inspect_table(value, depth, seen)
end

function host.show(source, name)
  local chunk = raw_load("return " .. source, "@" .. name, "t", env)
  local message
  if not chunk then
    chunk, message = raw_load(source, "@" .. name, "t", env)
    if not chunk then return "?" .. message end
  end
  return guarded(function()
    local results = pack(chunk())
    if results.n == 0 then return nil end
    local texts = {}
    for index = 1, results.n do texts[index] = inspect(results[index], 0, {}) end
    return concat(texts, "\t")
  end)
end

return host.run, host.call, host.define, host.extend, host.show
