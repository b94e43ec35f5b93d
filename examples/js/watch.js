// Being told of changes: a script's own at once, those of other programs when it asks.
//
//   llmspell run examples/js/watch.js

const scope = "example:orders";
await State.clear(scope);

// The function is called for each change of a key that starts with the prefix, in order, once.
const watch = await State.watch(scope, "order:", (event) => {
  if (event.op === "put") {
    console.log(`${event.key} is ${event.value.status}`);
  } else {
    console.log(`${event.key}: ${event.op}`);
  }
});

await State.save(scope, "order:1", { item: "book", status: "new" });
await State.save(scope, "note", "has another prefix, so nobody is told");
await State.update(scope, "order:1", (order) => ({ ...order, status: "paid" }));
await State.transaction(async (tx) => {
  await tx.save(scope, "order:2", { item: "pen", status: "new" });
  await tx.delete(scope, "order:1");
  console.log("told when the transaction is done:");
});

// A watcher may write. What it writes is told after what it was told.
const counter = await State.watch(scope, "order:", (event) => {
  if (event.op === "put" && event.value.status === "new") {
    State.sync.save(scope, event.key, { item: event.value.item, status: "seen" });
  }
});
await State.save(scope, "order:3", { item: "lamp", status: "new" });

await State.unwatch(counter);
console.log(`ended: ${await State.unwatch(watch)}, again: ${await State.unwatch(watch)}`);
await State.save(scope, "order:4", { item: "nobody is told", status: "new" });

// `poll` waits for changes of others, here for at most a twentieth of a second. Start this script
// in two terminals with a longer time, and each tells of the other.
await State.watch(scope, "", (event) => console.log(`somebody changed ${event.key}`));
console.log(`changes of others: ${await State.poll(0.05)}`);
