-- Entries that end by themselves: sign-in codes, caches, limits per time.
--
--   llmspell run examples/lua/ttl.lua

local scope <const> = "example:expiring"
State.clear(scope)

-- `ttl` is in seconds. The metadata tells when it is over.
local saved = State.save(scope, "code", "4711", { ttl = 60 })
print("lasts " .. (saved.expires_at.micros - saved.updated_at.micros) // 1000000 .. " seconds")

-- Changing a value keeps the time; saving it anew without one makes it stay.
State.update(scope, "code", function(code) return code .. "0" end)
local function expires()
  return tostring(State.get_metadata(scope, "code").expires_at ~= nil)
end
print("still expires after an update: " .. expires())
State.save(scope, "code", "0815")
print("still expires after a save: " .. expires())

-- What has expired is not there any more, for nobody and in no way.
State.save(scope, "short", "soon gone", { ttl = 0.2 })
while State.key_exists(scope, "short") do end
print("short: " .. State.load(scope, "short", "gone"))
print("keys: " .. table.concat(State.list_keys(scope), ", "))

-- At most three requests a second. The window begins with the first one and ends by itself;
-- `if_version = 0` lets only one of several scripts begin it.
local function is_allowed(user)
  if not State.key_exists(scope, user) then
    pcall(State.save, scope, user, 0, { ttl = 1, if_version = 0 })
  end
  return State.increment(scope, user) <= 3
end

for request = 1, 5 do
  print("request " .. request .. ": " .. (is_allowed("ada") and "allowed" or "too many"))
end
while State.key_exists(scope, "ada") do end
print("a second later: " .. (is_allowed("ada") and "allowed" or "too many"))
