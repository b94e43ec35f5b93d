-- Sensitive data: found, taken out or refused before it is stored.
--
--   llmspell run -c configs/sensitive-data.toml examples/lua/sensitive_data.lua
--
-- Without the configuration nothing is searched, and everything is kept as it is.

local scope <const> = "example:sensitive"

local function keep(key, value)
  local ok, problem = pcall(State.save, scope, key, value)
  if not ok then
    print(key .. ": " .. problem.code .. " at " .. problem.details.path)
    return
  end
  local kept = State.load(scope, key)
  for _, name in ipairs({ "note", "password" }) do
    print(key .. "." .. name .. ": " .. kept[name])
  end
end

keep("harmless", { note = "prefers tea, order 1700000000", password = "none" })
keep("contact", { note = "mail ada@example.com, not help@example.org", password = "correct horse" })
keep("staff", { note = "ask EMP-123456 about AKIA" .. "IOSFODNN7EXAMPLE", password = "staple" })
keep("payment", { note = "paid with 4111 1111 1111 1111", password = "battery" })
