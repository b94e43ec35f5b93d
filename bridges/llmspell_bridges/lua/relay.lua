-- Calls a function of the standard library for one that stands in its place. What it complains of
-- reads as if the script had called it: with the name the script knows, at the script's line.
-- `return relay(pcall(fn, ...))` in the function that stands for `fn`.
local error, type, getinfo = error, type, debug.getinfo
local find, gsub = string.find, string.gsub

-- How the library begins what it says of its arguments; all else comes from code that it called.
local COMPLAINTS = { "^bad argument ", "^wrong number of arguments ", "^cannot ", "^invalid ",
  "^resulting string ", "^too many ", "^position out of bounds", "^attempt to compare " }

return function(ok, ...)
  if ok then return ... end
  local problem = ...
  if type(problem) == "string" then
    for index = 1, #COMPLAINTS do
      if find(problem, COMPLAINTS[index]) then
        -- A function that C calls has no name but the one its library gives it.
        local caller = getinfo(2, "S")
        if not caller then break end  -- the function is a coroutine's first
        local by_script = caller.what ~= "C"
        error(by_script and gsub(problem, "'%a+%.(%a+)'", "'%1'") or problem, 2)
      end
    end
  end
  error(problem, 0)
end
