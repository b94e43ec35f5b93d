-- The everyday calls: save, load, change, look around, remove.
--
--   llmspell run examples/lua/basic_operations.lua

-- Start empty. Versions count on even so: no key ever has the same version twice.
local scope <const> = "example:basics"
State.clear(scope)

-- Create. `save` returns facts about the entry, among them its version.
local first = State.save(scope, "user", { name = "Ada", city = "London" })
print("saved user, version " .. first.version)

-- Read.
local user = State.load(scope, "user")
print("loaded user: " .. user.name .. " from " .. user.city)

-- What you loaded is your own copy: changing it changes nothing stored, until you save it.
user.city = "Paris"
print("still stored: " .. State.load(scope, "user").city)
local second = State.save(scope, "user", user)
print("now stored: " .. State.load(scope, "user").city .. ", version " .. second.version)

-- Several entries at once: all are saved, or none.
State.save_many(scope, { color = "green", size = 12 })
local found = State.load_many(scope, { "color", "size", "shape" })
print("color " .. found.color .. ", size " .. found.size .. ", shape found: " .. tostring(found.shape ~= nil))

-- Look around.
print("keys: " .. table.concat(State.list_keys(scope), ", "))
print("keys that start with s: " .. table.concat(State.list_keys(scope, { prefix = "s" }), ", "))
print("color exists: " .. tostring(State.key_exists(scope, "color")))

-- Facts about an entry without its value.
local facts = State.get_metadata(scope, "user")
print("user: version " .. facts.version .. ", class " .. facts.class)
print("saved before now: " .. tostring(facts.updated_at <= Time.now()))

-- Remove. `delete` tells whether there was something.
print("deleted color: " .. tostring(State.delete(scope, "color")))
print("deleted color again: " .. tostring(State.delete(scope, "color")))
print("removed the rest: " .. State.clear(scope) .. " entries")
