-- Transformers of the migration beside this file: (value, config) -> value.

local levels = {}

-- A switch becomes a level.
function levels.to_level(is_on, config)
  if type(is_on) ~= "boolean" then error("not a switch") end
  return is_on and config.true_value or config.false_value
end

-- And back: any level but the lowest is on.
function levels.to_switch(level, config)
  return level ~= config.false_value
end

return levels
