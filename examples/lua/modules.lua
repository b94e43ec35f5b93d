-- A program of several files: what one module needs, it requires itself.
--
--   llmspell run examples/lua/modules.lua
--
-- Names start at the folder of this script; dots are folders.

local cart = require "lib.cart"
local prices = require "lib.prices" -- lib/prices.json: data is a module, too

local basket = cart.new()
basket:add("tea", 2)
basket:add("scones", 6)
print(basket:receipt())

-- A module is loaded once: everybody who requires it has the same value.
print("the same prices everywhere: " .. tostring(prices == cart.prices))

-- A module that is not there is an error with a code, which a program can go on from.
local ok, problem = pcall(require, "lib.catr")
print(problem.code)
