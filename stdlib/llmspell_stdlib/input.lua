-- INPUT: the value the run was given.
local env, internal = ...

env.INPUT = internal.script_input()
