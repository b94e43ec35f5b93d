-- JSON for Lua. The host parses and writes; the marks of lists and null live in the bridge.
local env, internal, bridge = ...
local parse_text, to_text = internal.parse_text, internal.to_text
local type, error = type, error

local JSON = { null = bridge.null }
env.JSON = JSON

function JSON.parse(text)
  return parse_text(text)
end

function JSON.stringify(value, options)
  if options == true then options = { pretty = true } end
  if options == false then options = nil end
  return to_text(value, options)
end

function JSON.array(items)
  if items ~= nil and type(items) ~= "table" then
    error(bridge.failure("invalid_argument", "JSON.array: argument 'items' must be a table, not a "
      .. type(items), { parameter = "items" }), 2)
  end
  return bridge.list(items or {})
end
