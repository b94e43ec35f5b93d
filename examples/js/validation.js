// Data from outside: checked before it is kept, refused with what is wrong and where.
//
//   llmspell run examples/js/validation.js

const scope = "example:validation";

// What a form, a web hook or a model sends may be anything. Class "external" bounds its structure.
async function receive(key, text) {
  try {
    await State.save(scope, key, JSON.parse(text), { class: "external" });
    console.log(`${key}: kept`);
  } catch (problem) {
    console.log(`${key}: ${problem.code}`);
    for (const found of problem.details.problems) {
      console.log(`  ${found.path} ${found.message}`);
    }
  }
}

await receive("harmless", '{"name": "Ada", "tags": ["a", "b"]}');
await receive("prototype", '{"name": "Eve", "__proto__": {"admin": true}}');
await receive("terminal", '{"lines": ["\\u001b[2Jgone", "fine", "\\u0007"]}');
await receive("long", `{"text": "${"x".repeat(70000)}"}`);

// Nothing of what was refused is there.
console.log(`keys: ${(await State.listKeys(scope)).join(", ")}`);

// Schemas, state machines and verifiers are rules for scopes and keys in the configuration; their
// refusals look the same. docs/validation.md shows how to set them.
