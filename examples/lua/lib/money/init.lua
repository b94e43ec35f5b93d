-- `require "lib.money"` finds this file: a folder is a module by its init.lua.
local money = {}

function money.show(pence)
  return string.format("£%d.%02d", pence // 100, pence % 100)
end

return money
