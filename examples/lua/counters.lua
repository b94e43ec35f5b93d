-- Counters that never lose a count, however many scripts, threads and processes use them.
--
--   llmspell run examples/lua/counters.lua
--
-- Start it in several terminals at once and look at the total.

local scope <const> = "example:counters"

-- `increment` adds 1, or what you say; a counter that is not there yet counts as 0.
print("total runs: " .. State.increment(scope, "total_runs"))

State.delete(scope, "today")
State.increment(scope, "today")
State.increment(scope, "today", 10)
print("after 1 and 10: " .. State.load(scope, "today"))
print("after -4: " .. State.increment(scope, "today", -4))
print("after 0.5: " .. State.increment(scope, "today", 0.5))

-- Do not load, add and save by hand: between the two steps somebody else may have written, and
-- one of the counts is lost. For anything that `increment` cannot do there is `update`, which
-- calls your function again when that happens. So the function should only compute.
State.delete(scope, "words")
for word in ("to be or not to be"):gmatch("%a+") do
  State.update(scope, "words", function(counts)
    counts[word] = (counts[word] or 0) + 1
    return counts
  end, {})
end
local counts = State.load(scope, "words")
print("words: be " .. counts.be .. ", not " .. counts["not"] .. ", or " .. counts["or"] .. ", to " .. counts.to)

-- A record that only ever grows.
local function record(points)
  return State.update(scope, "high_score", function(best) return math.max(best, points) end, 0)
end
record(120)
record(80)
print("high score: " .. State.load(scope, "high_score"))

-- Only numbers can be counted up.
State.save(scope, "name", "Ada")
local ok, problem = pcall(State.increment, scope, "name")
print(ok and "counted" or problem.message)
