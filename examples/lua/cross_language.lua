-- One half of a pair: Lua leaves a letter for JavaScript, and reads the one JavaScript left.
--
--   llmspell run examples/lua/cross_language.lua
--   llmspell run examples/js/cross_language.js
--   llmspell run examples/lua/cross_language.lua
--
-- The two scripts never meet. They share a store, and values keep their meaning on the way.

local scope <const> = "example:cross-language"

State.save(scope, "from_lua", {
  text = "Greetings from Lua!",
  numbers = { 1, 2.5, 9007199254740993 }, -- the last one is too large for a JavaScript Number
  written_at = Time.now(),
})
print("Lua saved a letter for JavaScript.")

local letter = State.load(scope, "from_js")
if letter then
  print("JavaScript wrote: " .. letter.text)
  print("its numbers: " .. table.concat(letter.numbers, ", "))
  print("its date is a Lua timestamp: " .. tostring(letter.written_at <= Time.now()))
else
  print("There is no letter from JavaScript yet. Run examples/js/cross_language.js, then me again.")
end
