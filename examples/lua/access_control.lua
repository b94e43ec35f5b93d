-- What a script may do where access control is on, and what it is told when it may not.
--
--   llmspell run examples/lua/access_control.lua
--   llmspell -c configs/access-control.toml run --actor agent:research examples/lua/access_control.lua
--   llmspell -c configs/access-control.toml run --actor ada examples/lua/access_control.lua
--
-- Alone it may do everything. With the configuration it depends on who runs it: nothing in the
-- script can change that.

local function try(what, fn)
  local ok, problem = pcall(fn)
  print(what .. ": " .. (ok and "permitted" or problem.code))
  return ok or problem
end

-- A grant names scopes by a pattern, so new scopes need no new grant.
try("read a document", function() return State.load("example:docs:plan", "text") end)
try("change a document", function() return State.save("example:docs:plan", "text", "draft") end)
try("clear the documents", function() return State.clear("example:docs:plan") end)

-- An agent has a scope of its own, and no other agent's.
try("keep a thought of my own", function() return State.agent_set("research", "mood", "curious") end)
try("read another agent's", function() return State.agent_get("writer", "mood") end)

-- A refusal names who, what and where. It does not tell whether there is such a key.
local problem = try("read a secret", function() return State.load("example:secrets", "pin") end)
if problem ~= true then
  print(problem.message)
  print("missing: " .. problem.details.permission .. " in " .. problem.details.scope)
end

-- A transaction is refused as a whole: nothing of it is stored.
try("write two scopes as one", function()
  State.transaction(function(tx)
    tx.save("example:notes:agent:research", "seen", true)
    tx.save("example:docs:plan", "seen", true)
  end)
end)
