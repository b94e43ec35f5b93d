// Two agents that remember: each has a scope of its own, and its memory outlives the program.
//
//   llmspell run examples/js/agent_state.js
//
// Run it again: the agents know what was said before.

const KEEP = 4; // messages an agent remembers

// Stands in for a language model, so that the example needs none.
async function answer(agent, question) {
  return `${agent} heard: ${question}`;
}

// Adds messages to an agent's history and drops the oldest. `update` hands in what is stored (or
// the default) and stores what the function returns; nobody else's update is lost.
async function remember(agent, ...messages) {
  return await State.update(`agent:${agent}`, "history", (history) => {
    return [...history, ...messages].slice(-KEEP);
  }, []);
}

async function ask(agent, question) {
  const reply = await answer(agent, question);
  await remember(agent, { role: "user", text: question }, { role: "agent", text: reply });
  await State.increment(`agent:${agent}`, "questions");
}

await State.agentSet("example-planner", "profile", { model: "small", temperature: 0.2 });
await State.agentSet("example-critic", "profile", { model: "large", temperature: 0.9 });

await ask("example-planner", "What comes first?");
await ask("example-planner", "And then?");
await ask("example-critic", "Is the plan good?");

for (const agent of ["example-planner", "example-critic"]) {
  const profile = await State.agentGet(agent, "profile");
  console.log(`${agent} uses a ${profile.model} model, temperature ${profile.temperature}`);
  console.log(`  questions so far: ${await State.agentGet(agent, "questions")}`);
  for (const message of await State.agentGet(agent, "history")) {
    console.log(`  ${message.role}: ${message.text}`);
  }
}
