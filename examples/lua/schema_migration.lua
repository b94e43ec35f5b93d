-- User profiles of version 1, brought to version 2 of their schema, and back.
--
--   llmspell -c configs/schema-migration.toml run examples/lua/schema_migration.lua
--
-- Run it in the folder above examples/: the schemas and the migration are files in
-- examples/schemas and examples/migrations. Without the configuration it says what is missing.

local scope <const> = "example:profiles"

if not State.migrate then
  print("migrations are off: run it with -c configs/schema-migration.toml")
  return
end

local function show(profile)
  print("  " .. profile.user_id .. " <" .. profile.contact_info.email .. "> "
    .. profile.notification_level .. ", verified: " .. tostring(profile.contact_info.verified))
end

-- What an older release stored. Values are of the latest version unless one is named.
State.clear(scope)
local old <const> = { schema_version = 1 }
State.save(scope, "ada", {
  user_id = "ada", email = "ada@example.com", notifications = true, legacy_setting = "beep",
}, old)
State.save(scope, "bob", { user_id = "bob", email = "bob at home", notifications = false }, old)
State.save(scope, "eve", { user_id = "eve", email = "eve@example.org", notifications = true }, old)

-- A value that does not fit its version is not kept.
local ok, problem = pcall(State.save, scope, "mal", { user_id = "mal" }, old)
print("mal: " .. problem.code)

-- Look before you leap: nothing is written.
local found = State.migrate(2, { schema = "user_profile", dry_run = true })
print(found.status .. ": " .. found.items_migrated .. " of " .. found.items_checked)

-- One entry, then all the others.
local one = State.migrate(scope, "ada", 2)
print("ada: " .. one.status .. ", " .. one.from_version .. " -> " .. one.to_version)
show(State.load(scope, "ada"))
local all = State.migrate("2.0.0", { schema = "user_profile" })
print(all.status .. ": " .. all.items_migrated .. ", failed: " .. all.items_failed)
for _, key in ipairs(State.list_keys(scope)) do
  show(State.load(scope, key))
end

local profiles = State.get_migration_status().schemas.user_profile
print("version 2: " .. profiles.entries["2"] .. ", to migrate: " .. profiles.pending)
for _, version in ipairs(State.get_schema_versions().user_profile.versions) do
  print("  " .. version.semantic_version .. " " .. version.description)
end

-- And back: the step tells how.
State.migrate(scope, "ada", 1)
local ada = State.load(scope, "ada")
print("ada again: " .. ada.email .. ", notifications: " .. tostring(ada.notifications))

-- There is no version 9.
ok, problem = pcall(State.migrate, scope, "ada", 9)
print(problem.code)
