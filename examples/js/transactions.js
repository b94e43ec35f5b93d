// Several reads and writes as one: all of them happen, or none, whoever else is at it.
//
//   llmspell run examples/js/transactions.js

const scope = "example:bank";
await State.clear(scope);
await State.saveMany(scope, { ada: 100, bob: 20 }); // one transaction by itself

async function show(when) {
  const { ada, bob } = await State.loadMany(scope, ["ada", "bob"]);
  console.log(`${when}: ada ${ada}, bob ${bob}`);
}

// Everything goes through `tx`. The writes are made when the function is done, and dropped when
// it fails. What it returns is what `State.transaction` resolves to.
function transfer(from, to, amount) {
  return State.transaction(async (tx) => {
    const balance = await tx.load(scope, from);
    await tx.save(scope, to, (await tx.load(scope, to, 0)) + amount);
    if (balance < amount) {
      const problem = new Error(`${from} has only ${balance}`);
      problem.code = "no_funds";
      throw problem;
    }
    await tx.save(scope, from, balance - amount);
    return balance - amount;
  });
}

await show("before");
console.log(`ada keeps ${await transfer("ada", "bob", 30)}`);
await show("after");

try {
  await transfer("bob", "ada", 1000);
  console.log("done");
} catch (problem) {
  console.log(`${problem.code}: ${problem.message}`);
}
await show("unchanged");

// When somebody else changes what the function has read, it runs again with the new values. Here
// the script itself plays somebody else: it writes past `tx`, the first time.
let attempts = 0;
const total = await State.transaction(async (tx) => {
  attempts++;
  let sum = await tx.load(scope, "ada");
  if (attempts === 1) await State.increment(scope, "ada", 5);
  sum += await tx.load(scope, "bob");
  await tx.save(scope, "total", sum);
  return sum;
});
console.log(`total ${total} after ${attempts} attempts`);

// Inside, `tx.load` sees what `tx.save` has written; others see it only when all is done.
await State.transaction(async (tx) => {
  await tx.save(scope, "total", 0);
  const outside = await State.load(scope, "total");
  console.log(`inside ${await tx.load(scope, "total")}, outside ${outside}`);
  await tx.delete(scope, "total");
});
console.log(`total is there: ${await State.keyExists(scope, "total")}`);
