-- How values look to the reader of a REPL. Given `text_of`; returns `inspect(value, depth, seen)`.
local text_of = ...

local find, format, gsub, rep = string.find, string.format, string.gsub, string.rep
local concat, table_sort, mtype = table.concat, table.sort, math.type
local type, next, rawlen, rawget = type, next, rawlen, rawget
local raw_getmetatable = debug.getmetatable

local inspect

local function inspect_table(value, depth, seen)
  if seen[value] then return "<cycle>" end
  if depth > 5 then return "{...}" end
  seen[value] = true
  local length, parts = rawlen(value), {}
  for index = 1, length do
    if index > 100 then
      parts[#parts + 1] = "... " .. length - 100 .. " more"
      break
    end
    parts[index] = inspect(rawget(value, index), depth + 1, seen)
  end
  local names = {}
  for key in next, value do
    if not (mtype(key) == "integer" and key >= 1 and key <= length) then
      names[#names + 1] = key
    end
  end
  table_sort(names, function(a, b)
    if type(a) == type(b) and (type(a) == "string" or type(a) == "number") then return a < b end
    return type(a) < type(b)
  end)
  for index, key in next, names do
    if index > 100 then
      parts[#parts + 1] = "... " .. #names - 100 .. " more"
      break
    end
    local plain = type(key) == "string" and find(key, "^[%a_][%w_]*$")
    local shown = plain and key or "[" .. inspect(key, depth + 1, seen) .. "]"
    parts[#parts + 1] = shown .. " = " .. inspect(rawget(value, key), depth + 1, seen)
  end
  seen[value] = nil
  local one_line = "{" .. concat(parts, ", ") .. "}"
  if #one_line <= 72 and not find(one_line, "\n", 1, true) then return one_line end
  local indent = rep("  ", depth)
  return "{\n  " .. indent .. concat(parts, ",\n  " .. indent) .. "\n" .. indent .. "}"
end

function inspect(value, depth, seen)
  local kind = type(value)
  if kind == "string" then return (gsub(format("%q", value), "\\\n", "\\n")) end
  if kind ~= "table" then return text_of(value) end
  local mark = raw_getmetatable(value)
  if type(mark) == "table" and rawget(mark, "__tostring") then return text_of(value) end
  return inspect_table(value, depth, seen)
end

return inspect
