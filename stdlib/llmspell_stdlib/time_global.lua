-- Timestamps made from numbers; the bridge holds what a timestamp is.
local env, _, bridge = ...
local mtype, tointeger, floor = math.type, math.tointeger, math.floor
local timestamp, type, error = bridge.timestamp, type, error
-- The years 1 to 9999, as the host's own timestamps.
local FIRST, LAST = -62135596800000000, 253402300799999999

local function make(call, micros)
  if not micros or micros < FIRST or micros > LAST then
    error(bridge.failure("invalid_value", call .. ": the timestamp is outside the years 1 to 9999"), 0)
  end
  return timestamp(micros // 1000, micros % 1000)
end

local function check(call, name, value, wanted, fits)
  if not fits then
    error(bridge.failure("invalid_argument", call .. ": argument '" .. name .. "' must be " .. wanted
      .. ", not a " .. type(value), { parameter = name }), 0)
  end
end

function env.Time.from_unix(seconds)
  check("Time.from_unix", "seconds", seconds, "a number", type(seconds) == "number")
  if mtype(seconds) == "integer" then
    if seconds < FIRST // 1000000 or seconds > LAST // 1000000 then return make("Time.from_unix") end
    return make("Time.from_unix", seconds * 1000000)
  end
  return make("Time.from_unix", tointeger(floor(seconds * 1000000 + 0.5)))
end

function env.Time.from_micros(micros)
  check("Time.from_micros", "micros", micros, "an integer", mtype(micros) == "integer")
  return make("Time.from_micros", micros)
end
