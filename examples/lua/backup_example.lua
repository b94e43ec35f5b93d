-- Backups: everything, what was changed since, one scope; verified, restored, and undone again.
--
--   llmspell -c configs/backup-enabled.toml run examples/lua/backup_example.lua
--
-- Without the configuration it says what is missing. It restores its own scope alone, so that
-- nothing else that is kept there is touched; the backups stay until they are pruned.

local scope <const> = "example:backup"

if not State.create_backup then
  print("backups are off: run it with -c configs/backup-enabled.toml")
  return
end

local function show(what)
  local mood = State.load(scope, "mood", "none")
  print(what .. ": mood " .. mood .. ", keys: " .. table.concat(State.list_keys(scope), " "))
end

State.clear(scope)
State.save(scope, "plan", { "guess", "answer" })
State.save(scope, "mood", "calm")

-- A full backup has every entry of the store, an incremental one the changes since its base.
local full <const> = State.create_backup("full", { label = "a quiet evening" })
State.save(scope, "mood", "bold")
local moment <const> = State.checkpoint()
State.save(scope, "mood", "reckless")
State.delete(scope, "plan")
local changes <const> = State.create_backup("incremental", { base = full })
local alone <const> = State.create_backup("scope", { scope = scope })

local mine <const> = { [full] = true, [changes] = true, [alone] = true }
for _, backup in ipairs(State.list_backups()) do
  if mine[backup.id] then
    local of = backup.scope or backup.label or "the changes since"
    print(backup.type .. " (" .. of .. "), verified: " .. tostring(backup.verified))
  end
end

-- Reading it all again, with what it is made from.
local found = State.validate_backup(changes)
print("valid: " .. tostring(found.valid) .. ", backups read: " .. #found.backups)

-- What a restore would do, and doing it. How it was before is backed up first.
show("before")
local dry = State.restore_backup(full, { scope = scope, dry_run = true })
for _, change in ipairs(dry.changes) do
  print("  would " .. change.action .. " " .. change.key)
end
local done = State.restore_backup(full, { scope = scope })
show(done.status .. " " .. done.restored)
State.restore_backup(done.pre_restore_backup_id, { scope = scope })
show("undone")

-- One key; only what is missing; a moment that no backup was made at.
State.restore_backup(full, { scope = scope, keys = { "mood" } })
show("one key")
local kept = State.restore_backup(full, { scope = scope, policy = "keep" })
show("what was missing, left alone: " .. kept.unchanged + kept.skipped)
State.restore_backup(nil, { scope = scope, checkpoint = moment })
show("at the checkpoint")

-- What the configuration lets go, without removing anything.
local cleanup = State.cleanup_backups(true)
print("would remove: " .. #cleanup.deleted)
print("room taken: " .. tostring(State.get_storage_usage().total_bytes > 0))

local _, problem = pcall(State.create_backup, "weekly")
print(problem.code .. ": " .. problem.message)
_, problem = pcall(State.restore_backup, "20200101T000000Z-000000")
print(problem.code)
