-- What can be stored, and how it comes back. docs/values.md has the whole story.
--
--   llmspell run examples/lua/data_types.lua

local scope <const> = "example:types"

-- Saves a value and returns what a later load gives.
local function there_and_back(key, value)
  State.save(scope, key, value)
  return State.load(scope, key)
end

local function row(name, text)
  print(string.format("%-14s", name) .. text)
end

-- Text is Unicode.
row("text", there_and_back("text", "Grüße, 世界"))

-- Integers have 64 bits and floats stay floats. JavaScript shows big integers as BigInt.
row("integer", there_and_back("integer", 42))
row("big", there_and_back("big", 9007199254740993))
row("float", there_and_back("float", 2.5))
row("boolean", tostring(there_and_back("boolean", true)))

-- Tables with the keys 1 to n are lists, tables with text keys are maps. They nest.
local list = there_and_back("list", { "red", "green", "blue" })
row("list", table.concat(list, ", "))
local user = there_and_back("map", { name = "Ada", tags = { "math", "engines" } })
row("map", user.name .. ", " .. user.tags[1] .. " and " .. user.tags[2])

-- An empty table is a map, unless JSON.array says that it is a list.
row("empty list", #there_and_back("empty_list", JSON.array {}) .. " items")

-- nil is null. Inside a list use JSON.null, so that the list keeps its length.
row("null", tostring(there_and_back("null", nil) == nil))
local gaps = there_and_back("gaps", { 1, JSON.null, 3 })
row("with gaps", #gaps .. " items, the second is null: " .. tostring(gaps[2] == JSON.null))

-- A string that is not valid text is kept as bytes.
local bytes = there_and_back("bytes", "\x00\xff\x10\x80")
row("bytes", #bytes .. " bytes, the second is " .. bytes:byte(2))

-- A moment in time, in UTC.
local moment = there_and_back("timestamp", Time.parse("2026-01-31T12:00:00Z"))
row("timestamp", moment.micros // 1000000 .. " seconds since 1970")

-- What cannot be kept exactly is refused. The error names the place; nothing is stored.
local ok, problem = pcall(State.save, scope, "bad", { name = "Ada", greet = function() end })
row("function", ok and "stored" or problem.message)
ok, problem = pcall(State.save, scope, "bad", { ratio = 0 / 0 })
row("not a number", ok and "stored" or problem.message)
row("bad stored", tostring(State.key_exists(scope, "bad")))
