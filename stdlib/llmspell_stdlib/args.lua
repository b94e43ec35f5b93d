-- ARGS and, as standalone Lua has it, `arg`.
local env, internal = ...
local given = internal.script_arguments()

env.ARGS = { [0] = given.name }
for index, text in ipairs(given.positional) do env.ARGS[index] = text end
for name, text in pairs(given.named) do env.ARGS[name] = text end

env.arg = { [0] = given.name }
for index, text in ipairs(given.raw) do env.arg[index] = text end
