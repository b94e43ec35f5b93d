// Locks that all scripts, programs and machines on one store agree on.
//
//   llmspell run examples/js/locks.js
//
// Start it in several terminals at once: they take turns.

const scope = "example:report";

// Nobody else holds the lock while the function runs. A lock is a name; there need be no entry.
const report = await State.lock(scope, "daily", () => "written by one at a time");
console.log(`report: ${report}`);

// Who does not want to wait says so, and is told when somebody else holds it.
await State.lock(scope, "daily", async () => {
  try {
    await State.lock(scope, "daily", { wait: 0 }, () => {});
    console.log("while it is held: taken twice");
  } catch (problem) {
    console.log(`while it is held: ${problem.code}`);
  }
});

// A lock runs out by itself, so one whose holder has died is not held for ever. Work that may
// take longer extends it.
await State.lock(scope, "daily", { ttl: 5 }, (lock) => {
  for (let step = 1; step <= 3; step++) {
    lock.extend(5);
    console.log(`step ${step} of long work`);
  }
});

// A holder that was too slow does not know that yet. Its token helps: each holder gets a higher
// one, so whoever does the work can turn away those who come too late.
let highest = 0;
function printPage(token, text) {
  if (token < highest) {
    console.log(`turned away: ${text}`);
  } else {
    highest = token;
    console.log(`printed: ${text}`);
  }
}

try {
  await State.lock(scope, "printer", { ttl: 0.05 }, async (slow) => {
    await State.lock(scope, "printer", { wait: 10 }, (next) => { // gets it when it has run out
      printPage(next.token, "a page of the next holder");
    });
    printPage(slow.token, "a page of the slow one");
  });
  console.log("the slow one is told: nothing");
} catch (problem) {
  console.log(`the slow one is told: ${problem.code}`);
}
