-- The Lua side of the bridge. Runs once in a fresh VM, before any script, and returns the few
-- functions the host calls. Everything a script could replace is captured first, here and in the
-- parts below; only text crosses `door(index, text)`, the one host function, which lives in closures
-- and nowhere else.
-- `has_to_end()` tells whether the run must not go on, `hold()` puts the limit of memory in force;
-- either may be nil.
local door, max_depth, sources, has_to_end, hold = ...

local byte, gsub, sub, match = string.byte, string.gsub, string.sub, string.match
local concat, pack, unpack = table.concat, table.pack, table.unpack
local type, select, assert = type, select, assert
local rawget, rawequal, rawlen = rawget, rawequal, rawlen
local tostring, tonumber, error, pcall, xpcall = tostring, tonumber, error, pcall, xpcall
local raw_setmetatable, raw_load = debug.setmetatable, load
local raw_getmetatable, getinfo = debug.getmetatable, debug.getinfo

-- The other files of this folder, each a chunk of its own.
local function part(name, ...)
  return assert(raw_load(sources(name), "=llmspell", "b"))(...)
end

local marks = part("marks")
local encode_all, last_problem = part("encoder", marks, max_depth)
local relay = part("relay")
local env = part("environment", marks, relay)
local failure, NULL = marks.failure, marks.NULL
local SPENT = failure("limit_exceeded", "the run has hit one of its limits")

-- Calls ---------------------------------------------------------------------------------------

-- Encodes the arguments of one call; raises a script error that names the argument or the path.
local function arguments(call, params, count, ...)
  if count > 16 then
    error(failure("invalid_argument", call .. ": too many arguments (" .. count .. ")"), 0)
  end
  local text = encode_all(count, ...)
  if text then return text end
  local problem, code, hint, path = last_problem()
  local index, where = match(path, "^(%d+)\0(.*)$")
  local name = params[tonumber(index)] or ("#" .. index)
  if #where > 60 then where = sub(where, 1, 57) .. "..." end
  where = "$" .. where
  local shown = where
  if where == "$" then shown = name == "value" and "the value" or "argument '" .. name .. "'" end
  error(failure(code, call .. ": " .. shown .. " " .. problem,
    { path = where, parameter = name }, hint), 0)
end

local VALUE_NAMES = { L = marks.list, N = NULL, T = marks.timestamp }

local function raise(reply)
  local e = raw_load(sub(reply, 2), "=error", "t", VALUE_NAMES)()
  error(failure(e.code, e.message, e.details, e.hint), 0)
end

-- Compiled chunks of short replies: loading the same value again only runs its constructor, which
-- makes fresh tables every time.
local compiled, compiled_count = {}, 0

-- Returns what builds the value of a reply: the reply is its chunk, or "!" and one of the error.
local function builder(reply)
  local build = compiled[reply]
  if build then return build end
  if byte(reply) == 33 then raise(reply) end
  local reason
  build, reason = raw_load(reply, "=value", "t", VALUE_NAMES)
  if not build then error(reason, 0) end
  if #reply <= 1000 then
    if compiled_count >= 200 then compiled, compiled_count = {}, 0 end
    compiled[reply], compiled_count = build, compiled_count + 1
  end
  return build
end

local function answer(reply) return builder(reply)() end

-- The door itself never raises, but a signal can strike while the host enters it. The exception is
-- kept from the script (it would hand over the host) and raised again by the host at the end.
local interruption, strike

local function ask(index, text)
  local ok, reply
  if not interruption then
    ok, reply = pcall(door, index, text)
    if ok then
      if reply ~= nil then return reply end
      if strike then strike() end
      error(SPENT, 0)
    end
    if type(reply) ~= "userdata" then error(reply, 0) end
    interruption = reply
  end
  error(failure("interrupted", "the run was interrupted"), 0)
end

-- What crosses at the end of a run: the text, and the exception that is still to be raised.
local function leave(text)
  local pending = interruption
  if not pending then return text end
  interruption = nil
  return text, pending
end

-- What a prelude of the standard library wants called after each call of a script-visible host
-- function; nothing until it says so.
local after_call

-- Every script-visible host function is one of these closures. `unpack_record` is there when the
-- function returns a record, which crosses packed.
local function bind(index, call, params, unpack_record, is_internal)
  if is_internal then
    return function(...)
      return answer(ask(index, arguments(call, params, select("#", ...), ...)))
    end
  end
  if not unpack_record then
    return function(...)
      local value = answer(ask(index, arguments(call, params, select("#", ...), ...)))
      if after_call then after_call() end
      return value
    end
  end
  return function(...)
    local reply = ask(index, arguments(call, params, select("#", ...), ...))
    local mark = byte(reply)
    if mark == 33 then raise(reply) end
    local record
    if mark then record = unpack_record(reply, mark) end
    if after_call then after_call() end
    return record
  end
end

-- A function of two texts whose results are kept as long as the host says that they are current,
-- which it tells at a fraction of what the call costs.
local function bind_keeping(index, call, params)
  local kept, count = {}, 0
  return function(...)
    local first, second = ...
    if select("#", ...) ~= 2 or type(first) ~= "string" or type(second) ~= "string" then
      local value = answer(ask(index, arguments(call, params, select("#", ...), ...)))
      if after_call then after_call() end
      return value
    end
    local of_first = kept[first]
    local hit = of_first and of_first[second]
    local build
    if hit and ask(0, hit.text) == true then
      build = hit.build
    else
      -- Forgotten first: from here on the host means the new value when it says "current".
      if hit then of_first[second], count = nil, count - 1 end
      local text = arguments(call, params, 2, first, second)
      local reply = ask(index + 1, text)
      build = builder(reply)
      if #reply <= 1000 then
        if count >= 1000 then kept, count, of_first = {}, 0, nil end
        if not of_first then of_first = {}; kept[first] = of_first end
        of_first[second], count = { text = text, build = build }, count + 1
      end
    end
    local value = build()
    if after_call then after_call() end
    return value
  end
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
      -- Both names may be any text a script likes, the separators included.
      frames[count] = gsub(sub(source, 2), "%c", "?") .. "\0" .. info.currentline .. "\0"
        .. gsub(name, "%c", "?")
    end
    level = level + 1
  end
  return concat(frames, "\n")
end

local function text_of(value)
  if type(value) == "string" then return value end
  local ok, text = pcall(tostring, value)
  if ok and type(text) == "string" then return text end
  return "(an error object that cannot be shown)"
end

local function member_text(object, key)
  local ok, value = pcall(function() return object[key] end)
  return ok and type(value) == "string" and value or nil
end

local function raw_text(object, key)
  local value = rawget(object, key)
  return type(value) == "string" and value or nil
end

-- Where errors were first raised that a prelude caught and raises again.
local raised_at = raw_setmetatable({}, { __mode = "k" })

local function remember(raised)
  if type(raised) == "table" and not raised_at[raised] then raised_at[raised] = frames_from(3) end
  return raised
end

-- Turns whatever was raised into plain data while the script's stack still stands.
local function describe(raised)
  local report = { frames = type(raised) == "table" and raised_at[raised] or frames_from(2) }
  if rawequal(raw_getmetatable(raised), marks.ERROR) then
    report.message = text_of(rawget(raised, "message"))
    report.code, report.hint = raw_text(raised, "code"), raw_text(raised, "hint")
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

-- What a script says of its failure ends up in logs: enough of it is enough.
local LONGEST = 64 * 1024

-- Failures are told in the wire's own text: "!" and a list of message, code, hint, frames, details.
local function clipped(text)
  if #text <= LONGEST then return text end
  return sub(text, 1, LONGEST) .. "... (" .. #text - LONGEST .. " more bytes)"
end

local function failed(report)
  local details = report.details
  report.message = clipped(text_of(report.message))
  for _ = 1, 2 do
    local text = encode_all(1, marks.list({
      report.message, report.code or NULL, report.hint or NULL, report.frames or "", details or NULL }))
    if text then return "!" .. text end
    details = nil
  end
  return '![["the script failed with an error that cannot be shown",null,null,"",null]]'
end

local sethook = debug.sethook
local begin_watch, end_watch

-- Runs `fn` and returns what crosses: the text of its first result, or the failure. The one function
-- the watch over the time leaves alone.
local depth = 0
local function guarded(fn, ...)
  -- A host function may call back into the script: the watch is over it all.
  depth = depth + 1
  if begin_watch and depth == 1 then begin_watch() end
  local results = pack(xpcall(fn, describe, ...))
  depth = depth - 1
  if begin_watch and depth == 0 then
    sethook()
    end_watch()
  end
  if not results[1] then
    local report = results[2]
    -- No handler is called when no memory is left, nor for an error inside of it.
    if type(report) ~= "table" then return "*" .. text_of(report) end
    return failed(report)
  end
  local ok, text = pcall(arguments, "return value", { "value" }, 1, results[2])
  if ok then return text end
  return failed(type(text) == "table" and text or { message = text_of(text) })
end

if has_to_end then
  begin_watch, end_watch, strike = part("deadline", env, relay, has_to_end, guarded, SPENT)
end

local host = {}
local internal = {}

function host.run(source, name)
  if hold then hold() end
  local chunk, message = raw_load(source, "@" .. name, "t", env)
  if not chunk then return "?" .. message end
  return leave(guarded(chunk))
end

function host.call(name, source)
  if hold then hold() end
  local fn = rawget(env, name)  -- a metamethod of the script's would run unwatched here
  if type(fn) ~= "function" then
    return failed(failure("script_error", "the script defines no function '" .. name .. "'"))
  end
  local args = raw_load(source, "=value", "t", VALUE_NAMES)()
  local count = rawlen(args)
  for index = 1, count do
    if rawequal(args[index], NULL) then args[index] = nil end
  end
  return leave(guarded(fn, unpack(args, 1, count)))
end

-- Puts a bound function at a dotted place ("State.save") in the script's environment, or, when
-- it is internal, where only the preludes of the standard library find it. `names` are those of its
-- parameters, `record` makes what unpacks the record it returns, if it does.
function host.define(place, call, index, names, is_internal, record, keeps)
  local unpack_record
  if record then
    unpack_record = record(string.unpack, function(micros)
      return raw_setmetatable({ micros = micros }, marks.TIME)
    end, math.mininteger)
  end
  local bound = keeps and bind_keeping(index, call, names)
    or bind(index, call, names, unpack_record, is_internal)
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

-- Modules ---------------------------------------------------------------------------------------

local learn

-- Given the host function that keeps the text of modules, for the source lines in errors.
function host.learn(keep) learn = keep end

-- Compiles a module in the script's environment; returns nil, the problem and its line if it cannot.
local function compile(source, file)
  local ok, problem = pcall(learn, file, source)
  if not ok then
    interruption = interruption or problem
    error(failure("interrupted", "the run was interrupted"), 0)
  end
  local chunk, message = raw_load(source, "@" .. file, "t", env)
  if chunk then return chunk end
  -- Lua shortens long names in its messages.
  local shown = #file <= 59 and file or "..." .. sub(file, -56)
  local line, told = match(sub(message, #shown + 1), "^:(%d+): (.*)$")
  return nil, told or message, line or "1"
end

-- The file that called the function which calls the one that asks; nil if a tail call hides it.
local function caller()
  if getinfo(3, "t").istailcall then return nil end
  local info = getinfo(4, "S")
  return info and byte(info.source) == 64 and sub(info.source, 2) or nil
end

-- Gives an error a place in a file, before the places of those who required it.
local function at(problem, file, line)
  raised_at[problem] = gsub(file, "%c", "?") .. "\0" .. line .. "\0main chunk\n" .. frames_from(3)
  return problem
end

-- Runs a prelude of the standard library with what such code may use.
function host.extend(chunk)
  chunk(env, internal, {
    list = marks.list, null = marks.NULL, timestamp = marks.timestamp, failure = failure,
    is_null = function(value) return rawequal(value, NULL) end,
    -- Like pcall; an error raised again after it still tells where it came from.
    guard = function(fn, ...) return xpcall(fn, remember, ...) end,
    after_call = function(fn) after_call = fn end,
    rawset = rawset, compile = compile, caller = caller, at = at,
  })
end

local inspect = part("inspect", text_of)

function host.show(source, name)
  if hold then hold() end
  local chunk = raw_load("return " .. source, "@" .. name, "t", env)
  local message
  if not chunk then
    chunk, message = raw_load(source, "@" .. name, "t", env)
    if not chunk then return "?" .. message end
  end
  return leave(guarded(function()
    local results = pack(chunk())
    if results.n == 0 then return nil end
    local texts = {}
    for index = 1, results.n do texts[index] = inspect(results[index], 0, {}) end
    return concat(texts, "\t")
  end))
end

return host.run, host.call, host.define, host.extend, host.show, host.learn
