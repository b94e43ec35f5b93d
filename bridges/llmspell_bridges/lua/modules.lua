-- `require` and `package`. The host finds the files and reads them; what they hold is compiled here,
-- in the script's own environment.
local env, internal, bridge = ...
local find = internal.find_module
local failure, compile, caller, at = bridge.failure, bridge.compile, bridge.caller, bridge.at
local running = coroutine.running
local type, error, tostring, setmetatable = type, error, tostring, setmetatable

local loaded, preload = { _G = env }, {}
for name in ("coroutine math os string table utf8"):gmatch("%w+") do loaded[name] = env[name] end

-- Files whose main chunk has begun and not ended, each with the one it is loaded for; and the last of
-- them in each coroutine.
local loading, latest = {}, setmetatable({}, { __mode = "k" })

-- The error of a file that is required while it is being loaded, with the way back to it.
local function circle(file, by)
  local way, step = file, latest[running()]
  while step and step ~= file do
    way, step = step .. " -> " .. way, loading[step]
  end
  local told = step and "modules require each other in a circle: " .. file .. " -> " .. way
    or file .. " is required while it is still being loaded"
  return failure("module_error", "require: " .. told, { module = file, required_by = by },
    "move what both need to a module of its own, or call require where it is used")
end

-- Compiles a module and runs its main chunk; returns what that returns.
local function load_file(name, file, by, source)
  if loading[file] then error(circle(file, by), 0) end
  local chunk, problem, line = compile(source, file)
  if not chunk then
    error(at(failure("syntax_error", problem, { module = name, required_by = by }), file, line), 0)
  end
  local thread = running()
  local outer = latest[thread]
  loading[file], latest[thread] = outer or "", file
  local ended <close> = setmetatable({}, { __close = function()
    loading[file], latest[thread] = nil, outer
  end })
  return (chunk(name, file))
end

-- Returns the value of a module that is not loaded, and where it came from.
local function load_module(name)
  local loader = preload[name]
  if loader ~= nil then return loader(name, ":preload:"), ":preload:" end
  local by = caller() or latest[running()] or ""
  local found = find(name, by)
  local file, content = found[1], found[3]
  if found[2] == "json" then return content, file end
  return load_file(name, file, by, content), file
end

function env.require(name)
  local value = loaded[name]
  if value then return value end
  if type(name) ~= "string" then
    error(failure("invalid_argument", "require: argument 'name' must be text, not "
      .. type(name), { parameter = "name" },
      'call it as require "lib.util"'), 2)
  end
  local from
  value, from = load_module(name)
  if value ~= nil then loaded[name] = value end
  if loaded[name] == nil then loaded[name] = true end
  return loaded[name], from
end

-- What programs set to have modules found; here that would do nothing, so it says so.
local SET_BY_HOST = { path = true, cpath = true, searchers = true }
local function refuse(key)
  error(failure("invalid_argument", "package." .. tostring(key) .. " is not available: modules are "
    .. "found in the script's folder and in the module folders of the configuration", nil,
    "remove it; further folders are named in [modules] paths"), 2)
end

env.package = setmetatable({ loaded = loaded, preload = preload, config = "/\n;\n?\n!\n-\n" }, {
  __metatable = false,
  __index = function(_, key)
    if SET_BY_HOST[key] then refuse(key) end
  end,
  __newindex = function(package, key, value)
    if SET_BY_HOST[key] then refuse(key) end
    bridge.rawset(package, key, value)
  end,
})
loaded.package = env.package
