-- Ends a run whose time is over, wherever it is. Given the script's globals, the host's `expired()`
-- and the function below which no script code runs; returns what begins and what ends the watch,
-- and what ends the run at once.
--
-- A count hook asks the host now and then. Once the time is over it strikes at every instruction,
-- so that each frame a script comes back to after catching the error fails again. Hooks are off
-- while one runs, and so in what an error raised there leads to: message handlers, and the closing
-- of variables when a coroutine dies of it. None of these may be the script's own code. Where no
-- memory is left the hook cannot be called: the host gives some more when the time is over. At the
-- end of the stack it cannot be called either, and fails as all does there: whatever catches an
-- error looks at the clock.
local env, relay, has_to_end, bottom, spent = ...

local sethook, getinfo = debug.sethook, debug.getinfo
local error, pcall, type, select = error, pcall, type, select
local setmetatable, find = setmetatable, string.find
local create, wrap, resume = coroutine.create, coroutine.wrap, coroutine.resume
local load, close, count, xpcall = env.load, coroutine.close, collectgarbage, xpcall
local raw_getmetatable = debug.getmetatable
local math_type, ult, maxinteger = math.type, math.ult, math.maxinteger
local clock, max, min = os.clock, math.max, math.min
local insert, remove, move, rep = table.insert, table.remove, table.move, string.rep

-- How many instructions pass between two looks at the clock: few at first and where they take long,
-- more and more while they do not. Single ones take long only where there is memory to walk through.
local FIRST, OFTEN, SELDOM, LARGE_KIB = 100, 500, 16000, 1024
local LONG_S, SHORT_S = 0.002, 0.001
local interval, looked_at = FIRST, 0
local watching, over = false, false
local hook

local function strike()
  over = true
  sethook(hook, "", 1)
  error(spent, 0)
end

-- Where the stack is full this fails, too, and whoever called that which calls this catches it.
-- Where memory is, the script goes on with its error: the host gives some more when the time is over.
local function check()
  if over then strike() end
  local told, problem = pcall(has_to_end)
  if told then
    if problem then strike() end
  elseif problem ~= "not enough memory" then
    error(problem, 0)
  end
end

-- Passes on what a function that catches errors returns.
local function caught(ok, ...)
  if not ok and watching then check() end
  return ok, ...
end

-- A few instructions make a text as large as the memory: thousands of them may follow on many short
-- ones. Nothing of that goes on for long without the collector, which ends each of its cycles here.
local at_cycle = {}
local waiting = setmetatable({}, { __mode = "v" })

function at_cycle.__gc(waiter)
  waiting[1] = setmetatable(waiter, at_cycle)
  if watching and clock() - looked_at > LONG_S then sethook(hook, "", 1) end
end

local function await_cycle()
  waiting[1] = setmetatable({}, at_cycle)
end

-- Where its call fails (the C stack is full, say) the waiter is gone. A new one is made when there is
-- memory for it: an error of the hook's would hit the script where it expects none.
local most_kib = 0
local function await_again()
  local kib = count("count")
  most_kib = max(most_kib, kib)
  if kib < most_kib * 0.9 then await_cycle() end
end

function hook()
  if over or has_to_end() then
    if getinfo(2, "f").func ~= bottom then strike() end
    return
  end
  if not waiting[1] then await_again() end
  local passed, wanted = clock() - looked_at, interval
  if passed > LONG_S then
    wanted = max(interval // 8, 10)
  elseif passed < SHORT_S then
    wanted = min(interval * 4, count("count") > LARGE_KIB and OFTEN or SELDOM)
  end
  if wanted ~= interval or passed > LONG_S then
    interval = wanted
    sethook(hook, "", interval)  -- looks at every frame of the stack, which may be deep
  end
  looked_at = clock()
end

-- Coroutines ------------------------------------------------------------------------------------

-- Each has a count of its own, so many short ones would get past the clock.
local made = 0
local function note_coroutine()
  made = made + 1
  if made % 50 == 0 then check() end
end

function env.coroutine.create(...)
  local fn = ...
  if type(fn) ~= "function" then return relay(pcall(create, ...)) end
  local co = create(fn)
  if watching then
    note_coroutine()
    sethook(co, hook, "", interval)
  end
  return co
end

local function finish(ok, ...)
  if ok then return ... end
  error(..., 0)
end

function env.coroutine.wrap(...)
  local fn = ...
  if type(fn) ~= "function" then return relay(pcall(wrap, ...)) end
  if not watching then return wrap(fn) end
  note_coroutine()
  return wrap(function(...)
    sethook(hook, "", interval)
    -- Caught here the error closes the coroutine's variables with hooks on.
    return finish(pcall(fn, ...))
  end)
end

-- What an error raised in the hook says, where it is not of the time being over. What a script says
-- itself is hardly ever just these words.
local WITHIN_HOOK = { "^C?%s?stack overflow$", ":%-?%d+: C?%s?stack overflow$",
  "^error in error handling$", "^not enough memory$" }
local LONGEST = 200  -- bytes, with the place

local function may_be_of_hook(problem)
  if type(problem) ~= "string" or #problem > LONGEST then return false end
  for index = 1, #WITHIN_HOOK do
    if find(problem, WITHIN_HOOK[index]) then return true end
  end
  return false
end

-- Coroutines that may have died in the hook, and of what: in them hooks are off from then on.
local dead = setmetatable({}, { __mode = "k" })

local function resumed(co, ok, ...)
  if not ok and watching then
    local problem = ...
    if may_be_of_hook(problem) then dead[co] = { problem } end
    check()
  end
  return ok, ...
end

function env.coroutine.resume(...)
  local co = ...
  if type(co) ~= "thread" then return relay(pcall(resume, ...)) end
  return resumed(co, resume(...))
end

local function closed(ok, clean, ...)
  if ok and not clean and watching then check() end
  return ok, clean, ...
end

function env.coroutine.close(...)
  if over then error(spent, 0) end
  local co = ...
  local died_of = co ~= nil and dead[co]
  if died_of then
    if #died_of == 0 then return true end
    return false, remove(died_of)
  end
  return relay(closed(pcall(close, ...)))
end

-- Whatever catches errors ------------------------------------------------------------------------

function env.pcall(...)
  if (...) == nil then return relay(pcall(pcall, ...)) end
  return caught(pcall(...))
end

function env.load(chunk, ...)
  if type(chunk) ~= "function" then return load(chunk, ...) end
  return caught(load(chunk, ...))
end

-- What calls a handler whose error came of a full stack, after that was left: the error may be the
-- hook's, and hooks are off until then. A handler that fails handles its own error, too.
local TRIES = 10
local function handled(handler, problem)
  for _ = 1, TRIES do
    local ok, result = pcall(handler, problem)
    if ok then return result end
    check()
    problem = result
  end
  return "error in error handling"
end

local function guarding(fn, handler, ...)
  if not watching then return xpcall(fn, handler, ...) end
  local later
  local function passed_on(ok, ...)
    if ok then return ok, ... end
    check()
    if later then return ok, handled(handler, ...) end
    return ok, ...
  end
  return passed_on(xpcall(fn, function(problem)
    if over then return problem end
    later = may_be_of_hook(problem)
    if later then return problem end
    return handler(problem)
  end, ...))
end

function env.xpcall(...)
  local _, handler = ...
  if type(handler) ~= "function" then return relay(pcall(xpcall, ...)) end
  return guarding(...)
end

-- Loops in C --------------------------------------------------------------------------------------

-- Some library functions believe a length that a script made up, and loop where no hook is called.
-- Whatever could lie to them is done here instead, step for step as they do it.
local MANY = 1000000

local function length(list)
  local size = #list
  if math_type(size) ~= "integer" then error("object length is not an integer", 3) end
  return size
end

local function out_of_bounds(name)
  error("bad argument #2 to '" .. name .. "' (position out of bounds)", 3)
end

function env.table.insert(...)
  local list, at, value = ...
  local count, meta = select("#", ...), raw_getmetatable(list)
  if meta == nil and count == 2 and type(list) == "table" then return insert(list, at) end
  if meta == nil or type(list) ~= "table" or (count ~= 2 and count ~= 3) then
    return relay(pcall(insert, ...))
  end
  local free = length(list) + 1
  if count == 2 then
    list[free] = at
    return
  end
  if math_type(at) ~= "integer" then return relay(pcall(insert, {}, at, value)) end
  if ult(free - 1, at - 1) then out_of_bounds("insert") end
  for index = free, at + 1, -1 do list[index] = list[index - 1] end
  list[at] = value
end

function env.table.remove(...)
  local list, at = ...
  local count, meta = select("#", ...), raw_getmetatable(list)
  if meta == nil and count == 1 and type(list) == "table" then return remove(list) end
  if meta == nil or type(list) ~= "table" or (count > 1 and math_type(at) ~= "integer") then
    return relay(pcall(remove, ...))
  end
  local size = length(list)
  if count == 1 then
    at = size
  elseif ult(size, at - 1) and size + 1 ~= at then
    out_of_bounds("remove")
  end
  local value = list[at]
  while at < size do
    list[at] = list[at + 1]
    at = at + 1
  end
  list[at] = nil
  return value
end

function env.table.move(...)
  local from, first, last, at, to = ...
  if math_type(first) ~= "integer" or math_type(last) ~= "integer"
    or math_type(at) ~= "integer" or type(from) ~= "table" or (to ~= nil and type(to) ~= "table")
    or (first > 0 or last < maxinteger + first) and last - first < MANY
    or not (first > 0 or last < maxinteger + first) or at > maxinteger - (last - first) then
    return relay(pcall(move, ...))
  end
  to = to or from
  if at > last or at <= first or to ~= from then
    for step = 0, last - first do to[at + step] = from[first + step] end
  else
    for step = last - first, 0, -1 do to[at + step] = from[first + step] end
  end
  return to
end

function env.string.rep(...)
  local text, n, separator = ...
  if math_type(n) == "integer" and type(text) == "string" then
    if text == "" and (separator == nil or separator == "") then return "" end
    if n < MANY and separator == nil and #text < MANY then return rep(text, n) end
  end
  return relay(pcall(rep, ...))
end

local function begin()
  watching, over, interval, looked_at = true, false, FIRST, clock()
  sethook(hook, "", interval)
  if not waiting[1] then pcall(await_cycle) end
end

local function finish_watch()
  watching = false
end

return begin, finish_watch, strike
