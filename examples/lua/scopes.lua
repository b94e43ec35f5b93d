-- Scopes keep things apart: the same key holds another value in each of them.
--
--   llmspell run examples/lua/scopes.lua

local scopes <const> = {
  "global", -- the whole application
  "agent:example-writer", -- one agent
  "workflow:example-report", -- one workflow
  "workflow:example-report:step:collect", -- one step of it
  "session:example-monday", -- one session
  "example:notes", -- any other text is a scope of your own
}

for index, scope in ipairs(scopes) do
  State.save(scope, "example_color", "color " .. index)
end
for _, scope in ipairs(scopes) do
  print(scope .. " -> " .. State.load(scope, "example_color"))
end

-- A step has a second, shorter spelling. Both mean the same scope.
print("short form -> " .. State.load("step:example-report:collect", "example_color"))

-- Find scopes by how they begin.
for _, scope in ipairs(State.list_scopes("workflow:example-")) do
  print("found " .. scope)
end

-- Agents, workflows and tools have shortcuts that need only the id.
State.agent_set("example-writer", "mood", "curious")
print("the writer is " .. State.agent_get("example-writer", "mood"))
print("same as " .. State.load("agent:example-writer", "mood"))

-- A kind without an id is a mistake, and it is told to you.
local ok, problem = pcall(State.save, "agent:", "example_color", "none")
print(ok and "saved" or problem.code .. ": " .. problem.message)

-- Tidy up: one key of the scope everybody shares, and whole scopes of our own.
State.delete("global", "example_color")
for index = 2, #scopes do State.clear(scopes[index]) end
print("left: " .. #State.list_scopes("workflow:example-"))
