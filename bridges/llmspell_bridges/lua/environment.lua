-- The script's own globals: only what cannot reach the host. Given the marks; returns the table.
local marks, relay = ...

local concat, find = table.concat, string.find
local type, next, select, rawget, rawequal = type, next, select, rawget, rawequal
local error, pcall, tostring, raw_load = error, pcall, tostring, load
local setmetatable, raw_setmetatable = setmetatable, debug.setmetatable
local raw_getmetatable = debug.getmetatable

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

function env.setmetatable(...)
  local object, mt = ...
  if type(mt) == "table" then
    if rawget(mt, "__gc") ~= nil then
      error("__gc metamethods are not available in this sandbox", 2)
    end
    if raw_getmetatable(object) == nil and type(object) == "table" then
      return setmetatable(object, mt)
    end
  end
  -- A list may become an object of the script's own; it is no list from then on.
  if rawequal(raw_getmetatable(object), marks.LIST) and (mt == nil or type(mt) == "table") then
    return raw_setmetatable(object, mt)
  end
  return relay(pcall(setmetatable, ...))
end

function env.load(chunk, name, mode, ...)
  if type(chunk) == "function" then
    local parts = {}
    while true do
      local ok, part = pcall(chunk)
      if not ok then return nil, part end
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
  local fn, problem = raw_load(chunk, name ~= nil and tostring(name) or chunk, "t", where)
  if fn then return fn end
  -- A parser that runs out of stack calls the message handler around the script.
  return nil, type(problem) == "table" and problem.message or problem
end

function env.collectgarbage(what)
  if what == nil or what == "collect" then return collectgarbage("collect") end
  if what == "count" then return collectgarbage("count") end
  error("collectgarbage offers only 'collect' and 'count' in this sandbox", 2)
end

return env
