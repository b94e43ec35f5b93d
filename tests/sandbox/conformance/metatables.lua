-- Metatables: getting, setting, protecting, and what each metamethod does.
local t = {}
print(getmetatable(t), getmetatable(1), getmetatable(print), getmetatable(nil))
print(getmetatable("").__index == string, ("x").upper == string.upper)
local meta = {}
print(setmetatable(t, meta) == t, getmetatable(t) == meta)
print(setmetatable(t, nil) == t, getmetatable(t))
setmetatable(t, {__metatable = "locked"})
print(getmetatable(t), pcall(setmetatable, t, {}))
print(pcall(setmetatable, t, nil))
t = setmetatable({}, {__metatable = false})
print(getmetatable(t), pcall(setmetatable, t, nil))
print(pcall(getmetatable))
print(pcall(setmetatable, {}, "x"))

-- Chains of index and newindex.
local base = {greet = "hello"}
local middle = setmetatable({}, {__index = base})
local object = setmetatable({}, {__index = middle, __newindex = base})
print(object.greet, rawget(object, "greet"))
object.name = "kept in the base"
print(rawget(object, "name"), base.name)
print(rawequal(object, object), rawlen({1, 2, 3}), rawlen("four"))
rawset(object, "own", 1)
print(object.own, next(object))

-- Operators.
local log = {}
local M = {}
for _, name in ipairs({"add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor",
  "shl", "shr", "bnot", "concat", "len", "lt", "le", "call"}) do
  M["__" .. name] = function(...) log[#log + 1] = name return name end
end
local a, b = setmetatable({}, M), setmetatable({}, M)
print(a + 1, 1 - a, a * b, a / 2, a % 2, a ^ 2, -a, a // 2, a & 1, 1 | a, a ~ 1, a << 1, a >> 1, ~a)
print(a .. "x", 1 .. a, #a, a < b, a <= b, a > b, a(1, 2))
print(table.concat(log, " "))
local eq = {__eq = function() return true end}
print(setmetatable({}, eq) == setmetatable({}, eq), setmetatable({}, eq) == 1, {} == {})
print(a ~= b, not (a == a))

-- pairs, ipairs, tostring, names, modes.
local paired = setmetatable({}, {__pairs = function() return function(_, k) if not k then return 1, "one" end end end})
for k, v in pairs(paired) do print(k, v) end
for i, v in ipairs(setmetatable({}, {__index = function(_, i) if i < 4 then return i * i end end})) do print(i, v) end
print(tostring(setmetatable({}, {__tostring = function() return "text" end})))
local weak = setmetatable({}, {__mode = "k"})
weak[{}] = 1
collectgarbage()
print(next(weak))
weak = setmetatable({}, {__mode = "v"})
weak[1], weak[2] = {}, "text"
collectgarbage()
print(weak[1], weak[2])
local ephemeron = setmetatable({}, {__mode = "k"})
do local key = {} ephemeron[key] = {key} end
collectgarbage()
print(next(ephemeron))
print(type(collectgarbage("count")), collectgarbage("collect"), collectgarbage())

-- Strings get their methods from the string table, also those a program adds.
function string.shout(s) return s:upper() .. "!" end
print(("hey"):shout(), (("x"):rep(3, "-")))
string.shout = nil
print(pcall(function() return ("x"):shout() end))
print(pcall(function() return ("x").y.z end))
print(("x").y, #"abc", "10" + 5, "0x10" * 2, "3" // "2", 10 .. "")
-- A class with inheritance.
local Animal = {} Animal.__index = Animal
function Animal.new(name) return setmetatable({name = name}, Animal) end
function Animal:speak() return self.name .. " makes a sound" end
local Dog = setmetatable({}, {__index = Animal}) Dog.__index = Dog
function Dog.new(name) return setmetatable(Animal.new(name), Dog) end
function Dog:speak() return Animal.speak(self) .. ": woof" end
print(Dog.new("Rex"):speak(), getmetatable(Dog.new("x")) == Dog)
