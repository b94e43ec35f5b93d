-- Several reads and writes as one: all of them happen, or none, whoever else is at it.
--
--   llmspell run examples/lua/transactions.lua

local scope <const> = "example:bank"
State.clear(scope)
State.save_many(scope, { ada = 100, bob = 20 }) -- one transaction by itself

local function show(when)
  local balance = State.load_many(scope, { "ada", "bob" })
  print(when .. ": ada " .. balance.ada .. ", bob " .. balance.bob)
end

-- Everything goes through `tx`. The writes are made when the function returns, and dropped when
-- it raises an error. What it returns is what `State.transaction` returns.
local function transfer(from, to, amount)
  return State.transaction(function(tx)
    local balance = tx.load(scope, from)
    tx.save(scope, to, tx.load(scope, to, 0) + amount)
    if balance < amount then
      error { code = "no_funds", message = from .. " has only " .. balance }
    end
    tx.save(scope, from, balance - amount)
    return balance - amount
  end)
end

show("before")
print("ada keeps " .. transfer("ada", "bob", 30))
show("after")

local ok, problem = pcall(transfer, "bob", "ada", 1000)
print(ok and "done" or problem.code .. ": " .. problem.message)
show("unchanged")

-- When somebody else changes what the function has read, it runs again with the new values. Here
-- the script itself plays somebody else: it writes past `tx`, the first time.
local attempts = 0
local total = State.transaction(function(tx)
  attempts = attempts + 1
  local sum = tx.load(scope, "ada")
  if attempts == 1 then State.increment(scope, "ada", 5) end
  sum = sum + tx.load(scope, "bob")
  tx.save(scope, "total", sum)
  return sum
end)
print("total " .. total .. " after " .. attempts .. " attempts")

-- Inside, `tx.load` sees what `tx.save` has written; others see it only when all is done.
State.transaction(function(tx)
  tx.save(scope, "total", 0)
  print("inside " .. tx.load(scope, "total") .. ", outside " .. State.load(scope, "total"))
  tx.delete(scope, "total")
end)
print("total is there: " .. tostring(State.key_exists(scope, "total")))
