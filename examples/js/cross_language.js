// One half of a pair: JavaScript leaves a letter for Lua, and reads the one Lua left.
//
//   llmspell run examples/js/cross_language.js
//   llmspell run examples/lua/cross_language.lua
//   llmspell run examples/js/cross_language.js
//
// The two scripts never meet. They share a store, and values keep their meaning on the way.

const scope = "example:cross-language";

await State.save(scope, "from_js", {
  text: "Greetings from JavaScript!",
  numbers: [1, 2.5, 9007199254740993n], // the last one is too large for a Number
  written_at: new Date(),
});
console.log("JavaScript saved a letter for Lua.");

const letter = await State.load(scope, "from_lua");
if (letter !== null) {
  console.log(`Lua wrote: ${letter.text}`);
  console.log(`its numbers: ${letter.numbers.join(", ")}`);
  console.log(`its date is a JavaScript Date: ${letter.written_at <= new Date()}`);
} else {
  console.log("There is no letter from Lua yet. Run examples/lua/cross_language.lua, then me again.");
}
