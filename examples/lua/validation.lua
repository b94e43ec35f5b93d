-- Data from outside: checked before it is kept, refused with what is wrong and where.
--
--   llmspell run examples/lua/validation.lua

local scope <const> = "example:validation"

-- What a form, a web hook or a model sends may be anything. Class "external" bounds its structure.
local function receive(key, text)
  local ok, problem = pcall(State.save, scope, key, JSON.parse(text), { class = "external" })
  if ok then
    print(key .. ": kept")
    return
  end
  print(key .. ": " .. problem.code)
  for _, found in ipairs(problem.details.problems) do
    print("  " .. found.path .. " " .. found.message)
  end
end

receive("harmless", [[{"name": "Ada", "tags": ["a", "b"]}]])
receive("prototype", [[{"name": "Eve", "__proto__": {"admin": true}}]])
receive("terminal", [[{"lines": ["\u001b[2Jgone", "fine", "\u0007"]}]])
receive("long", [[{"text": "]] .. ("x"):rep(70000) .. [["}]])

-- Nothing of what was refused is there.
print("keys: " .. table.concat(State.list_keys(scope), ", "))

-- Schemas, state machines and verifiers are rules for scopes and keys in the configuration; their
-- refusals look the same. docs/validation.md shows how to set them.
