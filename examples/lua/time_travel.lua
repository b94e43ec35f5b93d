-- Nothing that was saved is lost: versions, differences, the way back, and the way back from there.
--
--   llmspell run examples/lua/time_travel.lua

local scope <const> = "example:document"
State.clear(scope)

-- Each save is a version. Its number comes with the metadata.
local first = State.save(scope, "draft", { title = "Draft", words = 120, tags = { "new" } })
local longer = { title = "A tale", words = 340, tags = { "new", "long" } }
local second = State.save(scope, "draft", longer)

print("history, the latest first:")
for _, version in ipairs(State.history(scope, "draft", { limit = 2, values = true })) do
  print("  " .. version.op .. ": " .. version.value.words .. " words")
end

print("what has changed:")
for _, each in ipairs(State.diff(scope, "draft", first.version, second.version)) do
  local old = each.kind == "added" and "nothing" or each.old
  print("  " .. each.path .. " " .. each.kind .. ": " .. old .. " -> " .. each.new)
end

print("it was called " .. State.load_version(scope, "draft", first.version).title)

-- Reverting saves the old value again, as a new version: that, too, can be reverted.
local third = State.revert(scope, "draft", first.version)
print("reverted to " .. State.load(scope, "draft").title .. ", one version on: "
  .. tostring(third.version == second.version + 1))

-- A checkpoint marks the moment for everything there is. Rolling back is one transaction of
-- ordinary writes; with a scope it leaves the other scopes alone.
local mark = State.checkpoint("before the clean-up")
State.save(scope, "draft", "oops")
State.save(scope, "notes", "made after the checkpoint")
local done = State.rollback(mark, scope)
print("rolled back: " .. done.restored .. " restored, " .. done.removed .. " removed")
print("the draft is called " .. State.load(scope, "draft").title)
print("notes are there: " .. tostring(State.key_exists(scope, "notes")))

-- A rollback can be undone: it names a checkpoint of how it was before.
State.rollback(done.before, scope)
print("undone, the draft is " .. State.load(scope, "draft"))

for _, checkpoint in ipairs { mark, done.before } do State.delete_checkpoint(checkpoint) end

-- What is not in the journal cannot be found.
local ok, problem = pcall(State.load_version, scope, "draft", 1000000)
print(ok and "found" or problem.code)
