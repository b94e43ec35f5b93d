-- pcall, xpcall, error and its levels: what a program sees of its own errors.
print(pcall(error))
print(pcall(error, nil))
print(pcall(error, "text"))
print(pcall(error, "text", 0))
print(pcall(error, "text", 1))
print(select("#", pcall(error)), select("#", pcall(function() return nil, nil end)))
print(pcall(function() error("here") end))
print(pcall(function() error("there", 2) end))
print(pcall(function() error("nowhere", 0) end))
print(pcall(function() error({code = 7}) end) == false)
print(select(2, pcall(function() error({code = 7}) end)).code)
print(pcall(function() return 1, nil, 3, nil end))
print(pcall(pcall))
print(pcall(pcall, error, "x"))
print(pcall(nil))
print(pcall(1, 2))
print(pcall(function(...) return select("#", ...) end, nil, nil))

print(xpcall(error, function(m) return "handled " .. tostring(m) end, "x"))
print(xpcall(function(a, b) return a + b end, print, 1, 2))
print(xpcall(function() local x = nil; return x.y end, function(m) return "handled: " .. m end))
print(xpcall(function() error({1, 2}) end, function(t) return #t end))
print(xpcall(function() error("first") end, function(m) error("in the handler") end))
print(xpcall(function() error() end, function(m) return type(m) end))
print(pcall(xpcall))
print(pcall(xpcall, print))
print(pcall(xpcall, print, nil, "a handler is needed"))
print(xpcall(function() error("deep", 0) end, function(m) return m, "second" end))
-- The handler runs where the error was: the locals of the caller are not unwound yet.
do
  local order = {}
  xpcall(function()
    local guard <close> = setmetatable({}, {__close = function() order[#order + 1] = "closed" end})
    error("x")
  end, function() order[#order + 1] = "handled" end)
  print(table.concat(order, " then "))
end
do
  local order = {}
  print(xpcall(function()
    local guard <close> = setmetatable({}, {__close = function() order[#order + 1] = "closed" end})
    error("stack overflow of the calculator")
  end, function(m) order[#order + 1] = "handled" return m end))
  print(table.concat(order, " then "))
end
do
  local order = {}
  local function level3() error("at three") end
  local function level2() level3() order[#order + 1] = "not here" end
  print(pcall(level2), #order)
end

-- What a message says of the value that was wrong.
local t = {}
print(pcall(function() return t.x.y end))
print(pcall(function() t.x.y = 1 end))
print(pcall(function() t.method() end))
print(pcall(function() t:method() end))
print(pcall(function() return t + 1 end))
print(pcall(function() return "a" + 1 end))
print(pcall(function() return "a" .. {} end))
print(pcall(function() return #nil end))
print(pcall(function() return 1 < "2" end))
print(pcall(function() return {} < {} end))
print(pcall(function() return 1 // 0 end))
print(pcall(function() return 1 % 0 end))
print(pcall(function() return 1.5 | 1 end))
print(pcall(function() return "x" | 1 end))
print(pcall(function() return 2^63 | 0 end))
print(pcall(function() unknown_global() end))
print(pcall(function() t[nil] = 1 end))
print(pcall(function() t[0/0] = 1 end))
print(pcall(function() for i = 1, 10, 0 do end end))
print(pcall(function() for i = "a", 10 do end end))
print(pcall(setmetatable, 1, {}))
print(pcall(setmetatable, {}, 1))
print(pcall(setmetatable, {}))
print(pcall(string.rep))
print(pcall(string.rep, "x", {}))
print(pcall(("x").rep, "x", "y"))
print(pcall(ipairs))
print(pcall(tonumber, "10", 99))
print(pcall(tonumber))
print(pcall(select, 0))
print(pcall(rawset, 1, 2, 3))
print(pcall(table.concat, {1, {}, 3}))
print(pcall(string.format, "%d", 1.5))
print(pcall(string.format, "%y", 1))
print(pcall(math.random, 2, 1))
print(pcall(utf8.char, -1))
print(pcall(table.unpack, {}, 1, 1e8))
print(pcall(assert, false))
print(pcall(assert, nil, "said so"))
print(pcall(assert, false, {1}) == false)
print(pcall(assert))
print(assert(1, 2, 3))

-- Stack overflow is an error like others, and can be caught again and again.
local function forever() return 1 + forever() end
for _ = 1, 2 do
  local ok, message = pcall(forever)
  print(ok, message:match("stack overflow"))
end
local function nested(n) if n == 0 then return "bottom" end return select(2, pcall(nested, n - 1)) end
print(nested(150))
local ok, message = pcall(nested, 250)
print(ok, message:match("C stack overflow"))
print(pcall(string.gsub, "x", "x", function() error("within gsub", 0) end))
print(pcall(table.sort, {3, 2, 1}, function() error("within sort", 0) end))
print(tostring(setmetatable({}, {__tostring = function() return "shown" end})))
print(pcall(tostring, setmetatable({}, {__tostring = function() return {} end})))
print((tostring(setmetatable({}, {__name = "Named"})):gsub("0x%x+", "ADDR")))
