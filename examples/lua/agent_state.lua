-- Two agents that remember: each has a scope of its own, and its memory outlives the program.
--
--   llmspell run examples/lua/agent_state.lua
--
-- Run it again: the agents know what was said before.

local KEEP <const> = 4 -- messages an agent remembers

-- Stands in for a language model, so that the example needs none.
local function answer(agent, question)
  return agent .. " heard: " .. question
end

-- Adds messages to an agent's history and drops the oldest. `update` hands in what is stored (or
-- the default) and stores what the function returns; nobody else's update is lost.
local function remember(agent, ...)
  local messages = { ... }
  return State.update("agent:" .. agent, "history", function(history)
    for _, message in ipairs(messages) do table.insert(history, message) end
    while #history > KEEP do table.remove(history, 1) end
    return history
  end, JSON.array {})
end

local function ask(agent, question)
  local reply = answer(agent, question)
  remember(agent, { role = "user", text = question }, { role = "agent", text = reply })
  State.increment("agent:" .. agent, "questions")
end

State.agent_set("example-planner", "profile", { model = "small", temperature = 0.2 })
State.agent_set("example-critic", "profile", { model = "large", temperature = 0.9 })

ask("example-planner", "What comes first?")
ask("example-planner", "And then?")
ask("example-critic", "Is the plan good?")

for _, agent in ipairs { "example-planner", "example-critic" } do
  local profile = State.agent_get(agent, "profile")
  print(agent .. " uses a " .. profile.model .. " model, temperature " .. profile.temperature)
  print("  questions so far: " .. State.agent_get(agent, "questions"))
  for _, message in ipairs(State.agent_get(agent, "history")) do
    print("  " .. message.role .. ": " .. message.text)
  end
end
