// Scopes keep things apart: the same key holds another value in each of them.
//
//   llmspell run examples/js/scopes.js

const scopes = [
  "global", // the whole application
  "agent:example-writer", // one agent
  "workflow:example-report", // one workflow
  "workflow:example-report:step:collect", // one step of it
  "session:example-monday", // one session
  "example:notes", // any other text is a scope of your own
];

for (const [index, scope] of scopes.entries()) {
  await State.save(scope, "example_color", `color ${index + 1}`);
}
for (const scope of scopes) {
  console.log(`${scope} -> ${await State.load(scope, "example_color")}`);
}

// A step has a second, shorter spelling. Both mean the same scope.
const short = await State.load("step:example-report:collect", "example_color");
console.log(`short form -> ${short}`);

// Find scopes by how they begin.
for (const scope of await State.listScopes("workflow:example-")) {
  console.log(`found ${scope}`);
}

// Agents, workflows and tools have shortcuts that need only the id.
await State.agentSet("example-writer", "mood", "curious");
console.log(`the writer is ${await State.agentGet("example-writer", "mood")}`);
console.log(`same as ${await State.load("agent:example-writer", "mood")}`);

// A kind without an id is a mistake, and it is told to you.
try {
  await State.save("agent:", "example_color", "none");
  console.log("saved");
} catch (problem) {
  console.log(`${problem.code}: ${problem.message}`);
}

// Tidy up: one key of the scope everybody shares, and whole scopes of our own.
await State.delete("global", "example_color");
for (const scope of scopes.slice(1)) await State.clear(scope);
console.log(`left: ${(await State.listScopes("workflow:example-")).length}`);
