// What a script may do where access control is on, and what it is told when it may not.
//
//   llmspell run examples/js/access_control.js
//   llmspell -c configs/access-control.toml run --actor agent:research examples/js/access_control.js
//   llmspell -c configs/access-control.toml run --actor ada examples/js/access_control.js
//
// Alone it may do everything. With the configuration it depends on who runs it: nothing in the
// script can change that.

async function attempt(what, fn) {
  try {
    await fn();
    console.log(`${what}: permitted`);
  } catch (problem) {
    console.log(`${what}: ${problem.code}`);
    return problem;
  }
}

// A grant names scopes by a pattern, so new scopes need no new grant.
await attempt("read a document", () => State.load("example:docs:plan", "text"));
await attempt("change a document", () => State.save("example:docs:plan", "text", "draft"));
await attempt("clear the documents", () => State.clear("example:docs:plan"));

// An agent has a scope of its own, and no other agent's.
await attempt("keep a thought of my own", () => State.agentSet("research", "mood", "curious"));
await attempt("read another agent's", () => State.agentGet("writer", "mood"));

// A refusal names who, what and where. It does not tell whether there is such a key.
const problem = await attempt("read a secret", () => State.load("example:secrets", "pin"));
if (problem) {
  console.log(problem.message);
  console.log(`missing: ${problem.details.permission} in ${problem.details.scope}`);
}

// A transaction is refused as a whole: nothing of it is stored.
await attempt("write two scopes as one", () =>
  State.transaction(async (tx) => {
    await tx.save("example:notes:agent:research", "seen", true);
    await tx.save("example:docs:plan", "seen", true);
  }));
