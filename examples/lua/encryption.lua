-- A value of class sensitive is stored encrypted, or not at all.
--
--   llmspell keys generate --file master.key
--   LLMSPELL_MASTER_KEY="$(cat master.key)" llmspell run examples/lua/encryption.lua
--
-- Without a key it shows the refusal.

local scope <const> = "example:vault"
State.clear(scope)

local ok, problem = pcall(State.save, scope, "token", "a secret of mine", { class = "sensitive" })
if not ok then
  print("refused: " .. problem.code)
  print("stored: " .. #State.list_keys(scope) .. " values")
  return
end

-- Scripts see nothing of the encryption: they load what they saved.
print("stored encrypted: " .. tostring(State.get_metadata(scope, "token").encrypted))
print("loaded: " .. State.load(scope, "token"))

-- The class stays with the value, whoever changes it.
State.update(scope, "token", function(token) return token .. ", changed" end)
local metadata = State.get_metadata(scope, "token")
print(metadata.class .. ", version " .. metadata.version .. ", " .. State.load(scope, "token"))
