-- State.update: calls back into the script, so it lives here and not behind the door.
local env, internal, bridge = ...
local read, compare_and_set = internal.read_for_update, internal.compare_and_set
local pack, select, type, error = table.pack, select, type, error
local is_null = bridge.is_null
local USAGE = "call it as State.update(scope, key, fn [, default])"

local function refuse(message, hint, parameter)
  error(bridge.failure("invalid_argument", message, { parameter = parameter }, hint), 0)
end

function env.State.update(scope, key, fn, default, ...)
  if type(fn) ~= "function" then
    refuse("State.update: argument 'fn' must be a function, not " .. type(fn), USAGE, "fn")
  end
  local extra = select("#", ...)
  if extra > 0 then
    refuse("State.update: " .. 4 + extra .. " arguments, but it takes at most 4", USAGE)
  end
  local attempt = 0
  while true do
    local found = read(scope, key)
    local exists, value, seen = found[1], found[2], found[3]
    if not exists then value = default elseif is_null(value) then value = nil end
    local results = pack(fn(value))
    if results.n == 0 then
      refuse("State.update: the function returned nothing, so there is no new value",
        "end it with `return value`", "fn")
    end
    if compare_and_set(scope, key, results[1], seen, attempt) then return results[1] end
    attempt = attempt + 1
  end
end
