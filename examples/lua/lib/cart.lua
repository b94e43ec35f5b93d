-- A shopping cart. Requires two modules of its own.
local prices = require "lib.prices"
local money = require "lib.money"

local cart = { prices = prices }
cart.__index = cart

function cart.new()
  return setmetatable({ lines = {}, total = 0 }, cart)
end

function cart:add(name, count)
  local cost = prices[name] * count
  self.lines[#self.lines + 1] = count .. " x " .. name .. ": " .. money.show(cost)
  self.total = self.total + cost
end

function cart:receipt()
  return table.concat(self.lines, "\n") .. "\ntotal: " .. money.show(self.total)
end

return cart
