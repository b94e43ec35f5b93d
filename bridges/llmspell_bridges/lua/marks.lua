-- What tables are besides plain ones: lists, null, timestamps and errors, told by their metatables.
local format, rep = string.format, string.rep
local error, os_date = error, os.date
local rawequal, rawget, type = rawequal, rawget, type
local raw_setmetatable, raw_getmetatable = debug.setmetatable, debug.getmetatable

-- Scripts never get hold of these metatables: what they put in would run inside the encoder.
-- Comparing with one is always raw, for the same reason.
local LIST = { __name = "list", __metatable = false }
local NULL = raw_setmetatable({}, {
  __name = "null",
  __metatable = false,
  __tostring = function() return "null" end,
  __newindex = function() error("JSON.null cannot be changed", 2) end,
})
local TIME = { __name = "timestamp", __metatable = false }
local ERROR = { __name = "error", __metatable = false }

local function list(items) return raw_setmetatable(items, LIST) end

ERROR.__tostring = function(e) return e.message end

local function failure(code, message, details, hint)
  return raw_setmetatable(
    { code = code, message = message, details = details or {}, hint = hint }, ERROR)
end

local function timestamp(ms, us)
  return raw_setmetatable({ micros = ms * 1000 + us }, TIME)
end

local time_methods = {}
TIME.__index = time_methods

local function is_time(thing) return rawequal(raw_getmetatable(thing), TIME) end

local function micros_of(thing)
  if is_time(thing) then return rawget(thing, "micros") end
  error("attempt to compare a timestamp with a " .. type(thing), 3)
end

TIME.__eq = function(a, b)
  return is_time(a) and is_time(b) and rawget(a, "micros") == rawget(b, "micros")
end
TIME.__lt = function(a, b) return micros_of(a) < micros_of(b) end
TIME.__le = function(a, b) return micros_of(a) <= micros_of(b) end
TIME.__tostring = function(t) return t:iso() end

function time_methods:unix() return self.micros / 1000000 end

function time_methods:iso()
  local seconds, micros = self.micros // 1000000, self.micros % 1000000
  local text = os_date("!%Y-%m-%dT%H:%M:%S", seconds)
  if #text < 20 then text = rep("0", 19 - #text) .. text end
  return text .. (micros > 0 and format(".%06d", micros) or "") .. "Z"
end

return {
  LIST = LIST, NULL = NULL, TIME = TIME, ERROR = ERROR,
  list = list, failure = failure, timestamp = timestamp,
}
