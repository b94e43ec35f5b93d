-- The libraries: string, table, math, utf8, os, and what print and tostring make of values.
print(1, 1.0, -0.0, 1e15, 1e16, 2^53, 2^63, math.maxinteger, math.mininteger, 1e100, 0.1, 1/3)
print(math.huge, -math.huge, math.pi, 3 // 2, 3.0 // 2, -3 // 2, 3 % -2, -3 % 2, 5.5 % 2, 7 // 0.0)
print(nil, true, false, "text", "tab\tin", "")
print(select("#", print()))
print(math.type(1), math.type(1.0), math.type("1"), math.tointeger(3.0), math.tointeger(3.5), math.tointeger("8"))
print(1 == 1.0, "1" == 1, 0.1 + 0.2 == 0.3, 1 < 1.5, math.ult(1, -1), 5 // 1 | 0)
print(1 << 63, 1 << 64, 1 >> 1, -1 >> 1, ~0, 5 & 3, 5 | 3, 5 ~ 3)
print(math.maxinteger + 1 == math.mininteger, math.maxinteger * 2.0)
print(tonumber("0x1p4"), tonumber("1e1"), tonumber(" 5 "), tonumber("5x"), tonumber("z", 36), tonumber("7", 2))
print(math.floor(-1.5), math.ceil(-1.5), math.abs(math.mininteger), math.fmod(-5, 3), math.max(1, 2.5), math.min(2, 1))
math.randomseed(42)
local first = math.random(1, 1000)
math.randomseed(42)
print(first == math.random(1, 1000), math.random(5, 5), pcall(math.random, 0) )
print(("%5d|%-5s|%05.1f|%x|%q|%g|%s|%i|%c|%a"):format(42, "ab", 3.14159, 255, 'a "q"\n\0', 1e20, nil, 7, 65, 1))
print(("%q"):format(1/3), ("%q"):format(math.mininteger), ("%-10.3s|"):format("abcdef"), ("%%"):format())
print(("hello world"):find("o w"), ("hello"):find("l+"), ("a.b"):find(".", 1, true), ("abc"):find("b", -1), (""):find(""))
print(("key = value"):match("^(%w+)%s*=%s*(%w+)$"), ("2024-05-06"):match("(%d+)-(%d+)-(%d+)"), ("x"):match("()"))
print(("hello"):gsub("l", {l = "L"}), ("hello"):gsub("", "-"), ("abc"):gsub("%w", "%0%0", 2), ("x y"):gsub("(%w) (%w)", "%2 %1"))
print(("f(a(b)c)d"):match("%b()"), ("THE (quick) fox"):find("%((%a+)%)"), ("  trim "):match("^%s*(.-)%s*$") .. "|")
print(("%f[%w]%w+"):len(), ("THE fox"):gsub("%f[%w]%w+", string.lower))
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do print(k, v) end
print(pcall(string.gsub, "x", "(", ""), pcall(string.find, "x", "[a"), pcall(string.gsub, "x", "x", "%2"))
print(("abc"):sub(-2), ("abc"):sub(2, 10), ("abc"):sub(0), ("abc"):byte(1, -1), ("").byte(""), string.char(72, 105))
print(("abc"):rep(3, ","), ("abc"):rep(0), ("abc"):rep(-1), ("abc"):reverse(), ("aBc"):upper(), ("aBc"):lower(), ("abc"):len())
print(string.pack("<i4", 100):byte(1, -1))
print(string.unpack("<i4", string.pack("<i4", -2)), string.packsize("i4i8"), string.unpack("z", "text\0rest"), string.unpack("s1", "\3abc"))
print("\u{7FFFFFFF}" == "\xFD\xBF\xBF\xBF\xBF\xBF", "a\z
       b", 'single \'quoted\'', [[long
string]], "\65\066\x43\u{44}")

local t = {5, 2, 8, 1}
table.sort(t)
print(table.concat(t, ","), table.concat(t, "-", 2, 3), table.concat({}), table.concat({1, 2.5, "x"}))
table.sort(t, function(a, b) return a > b end)
print(table.unpack(t))
print(pcall(table.sort, {1, "x"}))
table.insert(t, 9) table.insert(t, 1, 0)
print(table.concat(t, " "), table.remove(t), table.remove(t, 1), #t, table.remove({}))
print(pcall(table.insert, t, 99, 1), pcall(table.insert, t))
print(table.concat(table.move({1, 2, 3}, 1, 3, 2), ","), select("#", table.unpack({}, 1, 3)), table.pack(1, nil, 3).n)
print(select(-1, 1, 2, 3), select(2, "a", "b", "c"), pcall(select, -5, 1))
print(next({}), next({7}), type(next), rawequal("a", "a"))
for i, v in ipairs({1, 2, nil, 4}) do print(i, v) end
print(#"\u{48}\u{20AC}", utf8.char(72, 8364, 128512), utf8.len("h€"), utf8.len("\xff"), utf8.codepoint("€", 1), utf8.offset("a€b", 3))
for p, c in utf8.codes("a€") do print(p, c) end
print(pcall(utf8.codepoint, "\xff"), utf8.charpattern == "[\0-\x7F\xC2-\xFD][\x80-\xBF]*")

print(os.time({year = 2000, month = 1, day = 1, hour = 12}) - os.time({year = 1999, month = 12, day = 31, hour = 12}))
print(os.date("!%Y-%m-%d %H:%M:%S", 0), os.date("!*t", 86400).day, os.date("!*t", 0).isdst, os.date("!%A %B %j", 0))
print(os.time({year = 2024, month = 14, day = -3, hour = 12}) == os.time({year = 2025, month = 1, day = 28, hour = 12}))
print(pcall(os.date, "%Ez", 0), pcall(os.date, "%"), pcall(os.time, {year = 2000}))
print(type(os.time()), type(os.clock()), os.difftime(10, 4), type(os.date()))
goto done
do print("never") end
::done::
for i = 3, 1, -1 do if i == 2 then goto continue end print(i) ::continue:: end
for i = math.maxinteger - 1, math.maxinteger do print(i) end
for x = 1.0, 2.0, 0.5 do print(x) end
local function count(...) local a, b = ... return select("#", ...), a, b, ... end
print(count(), (count(1, 2)))
print(_VERSION, type(_G), _G._G == _G, _ENV == _G)
local list, map = {1, 2, 3, nil, 5}, {x = 1, [2] = 2}
print(#{1, 2, 3}, #{n = 1}, list[5], map[2], map["x"])
local a <const>, b = 1, 2
a_global, b = b, a
print(a_global, b, a)
