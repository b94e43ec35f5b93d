-- The functions of State that call back into the script, so they live here and not behind the door.
local env, internal, bridge = ...
local State = env.State
local pack, unpack, select, type, error = table.pack, table.unpack, select, type, error
local pcall, setmetatable = pcall, setmetatable
local is_null, guard = bridge.is_null, bridge.guard

local function refuse(call, message, hint, parameter)
  error(bridge.failure("invalid_argument", call .. ": " .. message, { parameter = parameter }, hint), 0)
end

-- Tells this script's watchers what it has just done; nothing while it watches nothing.
local function tell_nobody() end
local told = tell_nobody

local function refuse_more(call, usage, most, ...)
  local extra = select("#", ...)
  if extra > 0 then
    refuse(call, most + extra .. " arguments, but it takes at most " .. most, "call it as " .. usage)
  end
end

-- Checks a call by what it must look like: the function, and no argument too many.
local function check(call, usage, fn, most, ...)
  if type(fn) ~= "function" then
    refuse(call, "argument 'fn' must be a function, not " .. type(fn), "call it as " .. usage, "fn")
  end
  refuse_more(call, usage, most, ...)
end

function State.update(scope, key, fn, default, ...)
  check("State.update", "State.update(scope, key, fn [, default])", fn, 4, ...)
  local attempt = 0
  while true do
    local found = internal.read_for_update(scope, key)
    local exists, value, seen = found[1], found[2], found[3]
    if not exists then value = default elseif is_null(value) then value = nil end
    local results = pack(fn(value))
    if results.n == 0 then
      refuse("State.update", "the function returned nothing, so there is no new value",
        "end it with `return value`", "fn")
    end
    if internal.compare_and_set(scope, key, results[1], seen, attempt) then
      told()
      return results[1]
    end
    attempt = attempt + 1
  end
end

local function new_transaction(number)
  local tx = {}
  local function called_with_colon(name, scope)
    if scope == tx then
      local call = "tx." .. name
      refuse(call, "it was called with a colon", "write " .. call .. "(...) with a dot", "scope")
    end
  end
  function tx.load(scope, key, default)
    called_with_colon("load", scope)
    local found = internal.tx_load(number, scope, key)
    local value = found[1]
    if value == nil then return default elseif is_null(value) then return nil end
    return value
  end
  function tx.save(...)
    called_with_colon("save", (...))
    internal.tx_save(number, ...)
  end
  function tx.delete(scope, key)
    called_with_colon("delete", scope)
    return internal.tx_delete(number, scope, key)
  end
  function tx.key_exists(scope, key)
    called_with_colon("key_exists", scope)
    return internal.tx_exists(number, scope, key)
  end
  return tx
end

function State.transaction(fn, ...)
  check("State.transaction", "State.transaction(function(tx) ... end)", fn, 1, ...)
  local attempt = 0
  while true do
    local number = internal.tx_begin()
    local results = pack(guard(fn, new_transaction(number)))
    if results[1] then
      if internal.tx_commit(number, attempt) then
        told()
        return unpack(results, 2, results.n)
      end
    elseif not internal.tx_abort(number, attempt) then
      error(results[2], 0)
    end
    attempt = attempt + 1
  end
end

-- A lock that the host gave and nobody knows of stays taken: first see that there is stack enough.
local twelve_calls = { pcall, pcall, pcall, pcall, pcall, pcall, pcall, pcall, pcall, pcall, pcall, type, 1 }
local function has_stack()
  return select(-1, pcall(unpack(twelve_calls))) == "number"
end

function State.lock(scope, key, options, fn, ...)
  if fn == nil and type(options) == "function" then options, fn = nil, options end
  check("State.lock", "State.lock(scope, key [, options], fn)", fn, 4, ...)
  if not has_stack() then error("C stack overflow", 2) end
  local held = internal.lock_acquire(scope, key, options)
  local number = held[1]
  local lock = { token = held[2], extend = function(ttl) internal.lock_extend(number, ttl) end }
  local results = pack(guard(fn, lock))
  internal.lock_release(number, not results[1])
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2, results.n)
end

-- Watching is there only when there is a journal.
if not internal.watch_begin then return end

local watchers, watching, telling = {}, 0, false
local waiting, told_of = {}, 0
-- A coroutine that is closed in a watcher ends the telling, too.
local told_all = setmetatable({}, { __close = function() telling = false end })

-- Tells the watchers what waits. A watcher that changes State is told of that by whoever tells
-- already, after it. What is left when one of them fails is told the next time.
local function tell(timeout)
  if telling then return 0 end
  telling = true
  local _ <close> = told_all
  local count = 0
  if told_of < #waiting then timeout = 0 end
  while true do
    if told_of == #waiting then
      waiting, told_of = internal.watch_take(timeout), 0
      if #waiting == 0 then return count end
      timeout = 0
    end
    told_of = told_of + 1
    local event = waiting[told_of]
    local fn = watchers[event[1]]
    if fn then
      count = count + 1
      fn(event[2])
    end
  end
end

local function tell_now() tell(0) end

function State.watch(scope, prefix, fn, ...)
  check("State.watch", "State.watch(scope, prefix, fn)", fn, 3, ...)
  local id = internal.watch_begin(scope, prefix)
  watchers[id] = fn
  watching = watching + 1
  told = tell_now
  bridge.after_call(told)
  return id
end

function State.unwatch(id, ...)
  refuse_more("State.unwatch", "State.unwatch(id)", 1, ...)
  local ended = internal.watch_end(id)
  if ended then
    watchers[id] = nil
    watching = watching - 1
    if watching == 0 then
      told = tell_nobody
      bridge.after_call(nil)
    end
  end
  return ended
end

function State.poll(timeout, ...)
  refuse_more("State.poll", "State.poll([timeout])", 1, ...)
  return tell(timeout == nil and 0 or timeout)
end
