-- Coroutines: all of the library, with errors, closing and yields through C calls.
local function show(...) print(select("#", ...), ...) end

local co = coroutine.create(function(a, b)
  show("began", a, b)
  show("resumed", coroutine.yield(a + b))
  show("again", coroutine.yield())
  return "the", "end"
end)
print(coroutine.status(co))
show(coroutine.resume(co, 1, 2))
print(coroutine.status(co))
show(coroutine.resume(co, "x", nil))
show(coroutine.resume(co, nil, nil))
print(coroutine.status(co))
show(coroutine.resume(co))

print(coroutine.isyieldable(), select(2, coroutine.running()))
print(coroutine.wrap(function() return coroutine.isyieldable(), select(2, coroutine.running()) end)())
print(pcall(coroutine.yield, 1))
print(coroutine.resume(coroutine.create(function() error("inside") end)))
print(coroutine.resume(coroutine.create(function() error({}) end)) == false)
print(pcall(coroutine.wrap(function() error("wrapped") end)))
print(pcall(coroutine.wrap(function() error("no place", 0) end)))
print(select("#", pcall(coroutine.wrap(function() error() end))))
local dead = coroutine.wrap(function() end)
dead()
print(pcall(dead))
print(pcall(coroutine.resume, 1))
print(pcall(coroutine.create, 1))
print(pcall(coroutine.wrap))
print(pcall(coroutine.status))
print(coroutine.resume(coroutine.running()))
co = coroutine.create(function() return coroutine.resume(co) end)
print(coroutine.resume(co))
co = coroutine.create(function()
  local inner = coroutine.create(function() return coroutine.status(co) end)
  return coroutine.resume(inner)
end)
print(coroutine.resume(co))

-- Yields across pcall, xpcall, metamethods, iterators, sort's and gsub's refusal.
co = coroutine.wrap(function()
  print("in pcall", pcall(function() return coroutine.yield("from pcall") end))
  print("after an error", pcall(function() coroutine.yield("again") error("late", 0) end))
  print("in xpcall", xpcall(function() return coroutine.yield("from xpcall") end, print))
  local meta = setmetatable({}, {
    __index = function(_, k) return coroutine.yield("index " .. k) end,
    __add = function(_, n) return coroutine.yield("add " .. n) end,
    __call = function(_, n) return coroutine.yield("call " .. n) end,
    __lt = function() return coroutine.yield("lt") end,
    __eq = function() return coroutine.yield("eq") end,
    __concat = function(_, s) return coroutine.yield("concat " .. s) end,
    __newindex = function(_, k) coroutine.yield("newindex " .. k) end,
    __close = function() coroutine.yield("close") end,
    __unm = function() return coroutine.yield("unm") end,
    __len = function() return coroutine.yield("len") end,
  })
  print(meta.key, meta + 1, meta(2), meta < meta, meta == setmetatable({}, getmetatable(meta)))
  print(meta .. "x", -meta, #meta)
  meta.field = 1
  for value in function() return coroutine.yield("iterator") end do print("item", value) end
  do local scope <close> = meta end
  return "done"
end)
print(co())
for i = 1, 99 do
  local ok, got = pcall(co, i < 13 and "value " .. i or nil)
  print(i, ok, got)
  if not ok then break end
end
print(pcall(coroutine.wrap(function() table.sort({3, 1, 2}, function() coroutine.yield() end) end)))
print(pcall(coroutine.wrap(function() ("x"):gsub("x", function() coroutine.yield() end) end)))
print(coroutine.wrap(function() return pcall(pcall, pcall, coroutine.yield, "through three") end)())

-- Closing.
local function guard(name)
  return setmetatable({}, {__close = function(_, e) print("closes " .. name, e) end})
end
co = coroutine.create(function()
  local a <close> = guard("a")
  local b <close> = guard("b")
  coroutine.yield("open")
end)
print(coroutine.resume(co))
print(coroutine.close(co), coroutine.status(co))
print(coroutine.close(co))
co = coroutine.create(function() local a <close> = guard("failing") error("broke", 0) end)
print(coroutine.resume(co))
print(coroutine.close(co))
co = coroutine.create(function()
  local a <close> = setmetatable({}, {__close = function() error("while closing", 0) end})
  coroutine.yield()
end)
coroutine.resume(co)
print(coroutine.close(co))
print(pcall(coroutine.close, coroutine.running()))
print(pcall(coroutine.wrap(function() coroutine.close((coroutine.running())) end)))
do
  local wrapped = coroutine.wrap(function() local a <close> = guard("wrapped") error("in wrap", 0) end)
  print(pcall(wrapped))
end
for word in coroutine.wrap(function() for _, w in ipairs({"one", "two"}) do coroutine.yield(w) end end) do
  io = io
  print(word)
end
do
  local function items() return function(_, i) if i < 2 then return i + 1 end end, nil, 0, guard("loop") end
  for i in items() do print("round", i) end
  for i in items() do print("left", i) break end
  print(pcall(function() for i in items() do error("out", 0) end end))
end
print(pcall(function() local x <close> = 5 end))
print(load("local x <const> = 1; x = 2"))
-- Permutations: a generator that calls itself.
local function permute(a, n)
  if n == 0 then coroutine.yield(table.concat(a)) end
  for i = 1, n do
    a[n], a[i] = a[i], a[n]
    permute(a, n - 1)
    a[n], a[i] = a[i], a[n]
  end
end
local all = {}
for p in coroutine.wrap(function() permute({"a", "b", "c"}, 3) end) do all[#all + 1] = p end
print(table.concat(all, " "))
local chain = function(x) return x end
for i = 1, 50 do local inner = chain chain = function(x) return coroutine.wrap(inner)(x + 1) end end
print(chain(0))

-- What closes is closed whatever the error says, and closing again does nothing.
for _, text in ipairs({"stack overflow in a calculator", "no stack overflow", "not enough memory cards"}) do
  local co = coroutine.create(function() local a <close> = guard("of " .. text) error(text) end)
  print(coroutine.resume(co))
  print(coroutine.close(co))
  print(coroutine.close(co))
end
print(coroutine.close(coroutine.create(print)))
print(pcall(coroutine.close, coroutine.running()))
do
  local co = coroutine.create(function() local a <close> = guard("suspended") coroutine.yield(1, nil) end)
  print(coroutine.resume(co))
  print(coroutine.close(co))
  print(coroutine.resume(co))
end
do
  local co = coroutine.create(function()
    return pcall(function() local a <close> = guard("across") return coroutine.yield("out"), error("in", 0) end)
  end)
  print(coroutine.resume(co))
  print(select("#", coroutine.resume(co, "in")), coroutine.status(co))
end
