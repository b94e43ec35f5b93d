// What can be stored, and how it comes back. docs/values.md has the whole story.
//
//   llmspell run examples/js/data_types.js

const scope = "example:types";

// Saves a value and returns what a later load gives.
async function thereAndBack(key, value) {
  await State.save(scope, key, value);
  return await State.load(scope, key);
}

function row(name, text) {
  console.log(name.padEnd(14) + text);
}

// Text is Unicode.
row("text", await thereAndBack("text", "Grüße, 世界"));

// Integers have 64 bits: those beyond 2^53, which a Number would round, are BigInts.
row("integer", await thereAndBack("integer", 42));
row("big", await thereAndBack("big", 9007199254740993n));
row("float", await thereAndBack("float", 2.5));
row("boolean", await thereAndBack("boolean", true));

// Arrays are lists, plain objects are maps. They nest.
const list = await thereAndBack("list", ["red", "green", "blue"]);
row("list", list.join(", "));
const user = await thereAndBack("map", { name: "Ada", tags: ["math", "engines"] });
row("map", `${user.name}, ${user.tags[0]} and ${user.tags[1]}`);

// [] and {} differ, here and in the store.
row("empty list", `${(await thereAndBack("empty_list", [])).length} items`);

// null is null. An undefined member of an object is left out; in an array it is refused.
row("null", (await thereAndBack("null", null)) === null);
const gaps = await thereAndBack("gaps", [1, null, 3]);
row("with gaps", `${gaps.length} items, the second is null: ${gaps[1] === null}`);

// A Uint8Array holds bytes.
const bytes = await thereAndBack("bytes", new Uint8Array([0x00, 0xff, 0x10, 0x80]));
row("bytes", `${bytes.length} bytes, the second is ${bytes[1]}`);

// A Date is a moment in time, in UTC.
const moment = await thereAndBack("timestamp", new Date("2026-01-31T12:00:00Z"));
row("timestamp", `${moment.getTime() / 1000} seconds since 1970`);

// What cannot be kept exactly is refused. The error names the place; nothing is stored.
async function attempt(value) {
  try {
    await State.save(scope, "bad", value);
    return "stored";
  } catch (problem) {
    return problem.message;
  }
}
row("function", await attempt({ name: "Ada", greet: () => {} }));
row("not a number", await attempt({ ratio: 0 / 0 }));
row("bad stored", await State.keyExists(scope, "bad"));
