// Quickstart: save values, load them back, count the runs.
//
//   llmspell run examples/js/quickstart.js
//
// Run it again, then run its Lua twin: the count goes on, because both languages share
// one store. It is the file .llmspell/state.db in the folder you started from.

const scope = "example:quickstart"; // a scope groups keys; the name is up to you

// Save a value under a key. State's functions return promises: write `await` before them.
// When the promise resolves, the value is in the database.
await State.save(scope, "settings", { theme: "dark", font_size: 14 });

// Load it back. The third argument is what you get when there is nothing yet.
const settings = await State.load(scope, "settings");
const language = await State.load(scope, "language", "English");
console.log("theme: " + settings.theme);
console.log("font size: " + settings.font_size);
console.log("language: " + language);

// A counter that no other script, thread or process can spoil.
const runs = await State.increment(scope, "runs");
console.log("runs so far: " + runs);

console.log("keys: " + (await State.listKeys(scope)).join(", "));
