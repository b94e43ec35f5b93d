// Counters that never lose a count, however many scripts, threads and processes use them.
//
//   llmspell run examples/js/counters.js
//
// Start it in several terminals at once and look at the total.

const scope = "example:counters";

// `increment` adds 1, or what you say; a counter that is not there yet counts as 0.
console.log(`total runs: ${await State.increment(scope, "total_runs")}`);

await State.delete(scope, "today");
await State.increment(scope, "today");
await State.increment(scope, "today", 10);
console.log(`after 1 and 10: ${await State.load(scope, "today")}`);
console.log(`after -4: ${await State.increment(scope, "today", -4)}`);
console.log(`after 0.5: ${await State.increment(scope, "today", 0.5)}`);

// Do not load, add and save by hand: between the two steps somebody else may have written, and
// one of the counts is lost. For anything that `increment` cannot do there is `update`, which
// calls your function again when that happens. So the function should only compute.
await State.delete(scope, "words");
for (const word of "to be or not to be".split(" ")) {
  await State.update(scope, "words", (counts) => {
    counts[word] = (counts[word] ?? 0) + 1;
    return counts;
  }, {});
}
const counts = await State.load(scope, "words");
console.log(`words: be ${counts.be}, not ${counts.not}, or ${counts.or}, to ${counts.to}`);

// A record that only ever grows.
async function record(points) {
  return await State.update(scope, "high_score", (best) => Math.max(best, points), 0);
}
await record(120);
await record(80);
console.log(`high score: ${await State.load(scope, "high_score")}`);

// Only numbers can be counted up.
await State.save(scope, "name", "Ada");
try {
  await State.increment(scope, "name");
  console.log("counted");
} catch (problem) {
  console.log(problem.message);
}
