-- Ends a run whose time is over, wherever it is. Given the script's globals, the host's `expired()`
-- and the function below which no script code runs; returns what begins and what ends the watch.
--
-- A count hook asks the host now and then. Once the time is over it strikes at every instruction,
-- so that each frame a script comes back to after catching the error fails again. Hooks are off
-- while one runs, and so in what an error raised there leads to: message handlers, and the closing
-- of variables when a coroutine dies of it. None of these may be the script's own code. Where no
-- memory is left the hook itself cannot be called: so of that no script recovers, or it would go on
-- for ever.
local env, relay, has_to_end, bottom, spent = ...

local sethook, getinfo = debug.sethook, debug.getinfo
local error, pcall, type, select = error, pcall, type, select
local create, wrap = coroutine.create, coroutine.wrap
local resume, close = coroutine.resume, coroutine.close
local count, xpcall = collectgarbage, xpcall
local raw_getmetatable, rawlen, rawget = debug.getmetatable, rawlen, rawget
local insert, remove, move, rep = table.insert, table.remove, table.move, string.rep

-- How many instructions pass between two looks at the clock. Single instructions take long only
-- where there is much memory to walk through.
local OFTEN, SELDOM, LARGE_KIB = 500, 10000, 16 * 1024
local interval = SELDOM
local watching, over, no_memory = false, false, false
local hook

local function strike()
  over = true
  sethook(hook, "", 1)
  error(spent, 0)
end

local function check()
  if over or has_to_end() then strike() end
end

function hook()
  if over or has_to_end() then
    if getinfo(2, "f").func ~= bottom then strike() end
    return
  end
  local wanted = count("count") > LARGE_KIB and OFTEN or SELDOM
  if wanted ~= interval then
    interval = wanted
    sethook(hook, "", interval)
  end
end

-- Catching ----------------------------------------------------------------------------------------

local NO_MEMORY = "not enough memory"

local function caught(ok, problem, ...)
  if not ok and watching and (over or problem == NO_MEMORY) then
    no_memory = not over
    strike()
  end
  return ok, problem, ...
end

function env.pcall(...)
  local fn = ...
  if fn == nil and select("#", ...) == 0 then return relay(pcall(pcall)) end
  return caught(pcall(...))
end

local function handled(fn, handler, ...)
  if not watching then return xpcall(fn, handler, ...) end
  return caught(xpcall(fn, function(problem)
    if over then return problem end
    return handler(problem)
  end, ...))
end

function env.xpcall(...)
  local _, handler = ...
  if type(handler) ~= "function" then return relay(pcall(xpcall, ...)) end
  return handled(...)
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

local function closed(...)
  local ok, done, problem = ...
  caught(ok and done, ok and problem or done)
  return ...
end

function env.coroutine.close(...)
  if over then error(spent, 0) end
  return relay(closed(pcall(close, ...)))
end

function env.coroutine.resume(...)
  if type((...)) ~= "thread" then return relay(pcall(resume, ...)) end
  return caught(resume(...))
end

-- Loops in C --------------------------------------------------------------------------------------

-- Some library functions believe a length that a script made up, and loop where no hook is called.
local MOST = 100 * 1000 * 1000

local function lies(list)
  local meta = raw_getmetatable(list)
  return meta and type(list) == "table" and rawget(meta, "__len") ~= nil
    and #list - rawlen(list) > MOST
end

local function too_long(name)
  error("bad argument #1 to '" .. name .. "' (its length is beyond what the sandbox moves)", 3)
end

function env.table.insert(...)
  local list, value = ...
  if select("#", ...) == 2 and type(list) == "table" and not raw_getmetatable(list) then
    return insert(list, value)
  end
  if lies(list) then too_long("insert") end
  return relay(pcall(insert, ...))
end

function env.table.remove(...)
  if lies((...)) then too_long("remove") end
  return relay(pcall(remove, ...))
end

function env.table.move(...)
  local _, first, last = ...
  if type(first) == "number" and type(last) == "number" and last - first > MOST then
    error("bad argument #3 to 'move' (more elements than the sandbox moves at once)", 2)
  end
  return relay(pcall(move, ...))
end

function env.string.rep(...)
  local text, n = ...
  if text == "" and select("#", ...) == 2 and type(n) == "number" then return "" end
  return relay(pcall(rep, ...))
end

local function begin()
  watching, over, no_memory, interval = true, false, false, SELDOM
  sethook(hook, "", interval)
end

local function finish_watch()
  watching = false
  return no_memory
end

return begin, finish_watch
