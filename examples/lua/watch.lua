-- Being told of changes: a script's own at once, those of other programs when it asks.
--
--   llmspell run examples/lua/watch.lua

local scope <const> = "example:orders"
State.clear(scope)

-- The function is called for each change of a key that starts with the prefix, in order, once.
local watch = State.watch(scope, "order:", function(event)
  if event.op == "put" then
    print(event.key .. " is " .. event.value.status)
  else
    print(event.key .. ": " .. event.op)
  end
end)

State.save(scope, "order:1", { item = "book", status = "new" })
State.save(scope, "note", "has another prefix, so nobody is told")
State.update(scope, "order:1", function(order)
  order.status = "paid"
  return order
end)
State.transaction(function(tx)
  tx.save(scope, "order:2", { item = "pen", status = "new" })
  tx.delete(scope, "order:1")
  print("told when the transaction is done:")
end)

-- A watcher may write. What it writes is told after what it was told.
local counter = State.watch(scope, "order:", function(event)
  if event.op == "put" and event.value.status == "new" then
    State.save(scope, event.key, { item = event.value.item, status = "seen" })
  end
end)
State.save(scope, "order:3", { item = "lamp", status = "new" })

State.unwatch(counter)
print("ended: " .. tostring(State.unwatch(watch)) .. ", again: " .. tostring(State.unwatch(watch)))
State.save(scope, "order:4", { item = "nobody is told", status = "new" })

-- `poll` waits for changes of others, here for at most a twentieth of a second. Start this script
-- in two terminals with a longer time, and each tells of the other.
State.watch(scope, "", function(event) print("somebody changed " .. event.key) end)
print("changes of others: " .. State.poll(0.05))
