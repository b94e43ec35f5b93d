-- A user's preferences: defaults, checked changes, and what to do when something goes wrong.
--
--   llmspell run examples/lua/preferences.lua

local scope <const> = "user:example-42"
local defaults <const> = { theme = "light", font_size = 12 }
State.clear(scope) -- a new user each time

-- Preferences the user never set come from the defaults.
local function preferences()
  local result = {}
  for name, value in pairs(defaults) do result[name] = value end
  for name, value in pairs(State.load(scope, "preferences", {})) do result[name] = value end
  return result
end

-- Checks before it saves; `error` with a table gives the error a code, as State's own have.
local function set(name, value)
  if defaults[name] == nil then
    error { code = "unknown_preference", message = "there is no preference '" .. name .. "'" }
  end
  State.update(scope, "preferences", function(own)
    own[name] = value
    return own
  end, {})
end

-- `pcall` catches errors. Those of State have `code`, `message`, `hint` and `details`.
local function try(what, ...)
  local ok, problem = pcall(...)
  if ok then
    print(what .. ": ok")
  else
    print(what .. ": " .. problem.code .. ": " .. problem.message)
  end
end

print("before: " .. preferences().theme .. ", " .. preferences().font_size)
try("set theme", set, "theme", "dark")
print("after: " .. preferences().theme .. ", " .. preferences().font_size)

-- Mistakes are refused whole, with a code to act on; what was stored stays as it was.
try("set colour", set, "colour", "red")
try("set font_size", set, "font_size", 0 / 0)
try("empty key", State.save, scope, "", "value")
try("no agent", State.save, "agent:", "preferences", {})

-- Two editors opened the same version; the second to save is told so instead of overwriting.
local opened = State.get_metadata(scope, "preferences").version
State.save(scope, "preferences", { theme = "blue" }, { if_version = opened })
local ok, problem = pcall(State.save, scope, "preferences", { theme = "pink" }, { if_version = opened })
if not ok and problem.code == "version_conflict" then
  print("second editor: somebody saved first, the theme is " .. preferences().theme)
end

-- An error you cannot handle should go on: `error(problem, 0)` raises it again, unchanged.
