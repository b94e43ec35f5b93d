-- `print`, as Lua's own: values through `tostring`, tabs between, one line.
local env, internal = ...
local write = internal.write
local tostring, select, concat = tostring, select, table.concat

function env.print(...)
  local count = select("#", ...)
  if count == 1 then
    write("out", tostring((...)) .. "\n")
    return
  end
  local texts = {}
  for index = 1, count do texts[index] = tostring((select(index, ...))) end
  write("out", concat(texts, "\t") .. "\n")
end
