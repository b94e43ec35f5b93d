-- Quickstart: save values, load them back, count the runs.
--
--   llmspell run examples/lua/quickstart.lua
--
-- Run it again, then run its JavaScript twin: the count goes on, because both languages share
-- one store. It is the file .llmspell/state.db in the folder you started from.

local scope <const> = "example:quickstart" -- a scope groups keys; the name is up to you

-- Save a value under a key. When the call returns, the value is in the database.
State.save(scope, "settings", { theme = "dark", font_size = 14 })

-- Load it back. The third argument is what you get when there is nothing yet.
local settings = State.load(scope, "settings")
local language = State.load(scope, "language", "English")
print("theme: " .. settings.theme)
print("font size: " .. settings.font_size)
print("language: " .. language)

-- A counter that no other script, thread or process can spoil.
local runs = State.increment(scope, "runs")
print("runs so far: " .. runs)

print("keys: " .. table.concat(State.list_keys(scope), ", "))
