-- Locks that all scripts, programs and machines on one store agree on.
--
--   llmspell run examples/lua/locks.lua
--
-- Start it in several terminals at once: they take turns.

local scope <const> = "example:report"

-- Nobody else holds the lock while the function runs. A lock is a name; there need be no entry.
local report = State.lock(scope, "daily", function()
  return "written by one at a time"
end)
print("report: " .. report)

-- Who does not want to wait says so, and is told when somebody else holds it.
State.lock(scope, "daily", function()
  local ok, problem = pcall(State.lock, scope, "daily", { wait = 0 }, function() end)
  print("while it is held: " .. (ok and "taken twice" or problem.code))
end)

-- A lock runs out by itself, so one whose holder has died is not held for ever. Work that may
-- take longer extends it.
State.lock(scope, "daily", { ttl = 5 }, function(lock)
  for step = 1, 3 do
    lock.extend(5)
    print("step " .. step .. " of long work")
  end
end)

-- A holder that was too slow does not know that yet. Its token helps: each holder gets a higher
-- one, so whoever does the work can turn away those who come too late.
local highest = 0
local function print_page(token, text)
  if token < highest then
    print("turned away: " .. text)
  else
    highest = token
    print("printed: " .. text)
  end
end

local ok, problem = pcall(State.lock, scope, "printer", { ttl = 0.05 }, function(slow)
  State.lock(scope, "printer", { wait = 10 }, function(next_one) -- gets it when it has run out
    print_page(next_one.token, "a page of the next holder")
  end)
  print_page(slow.token, "a page of the slow one")
end)
print("the slow one is told: " .. (ok and "nothing" or problem.code))
