// Nothing that was saved is lost: versions, differences, the way back, and the way back from there.
//
//   llmspell run examples/js/time_travel.js

const scope = "example:document";
await State.clear(scope);

// Each save is a version. Its number comes with the metadata.
const first = await State.save(scope, "draft", { title: "Draft", words: 120, tags: ["new"] });
const longer = { title: "A tale", words: 340, tags: ["new", "long"] };
const second = await State.save(scope, "draft", longer);

console.log("history, the latest first:");
for (const version of await State.history(scope, "draft", { limit: 2, values: true })) {
  console.log(`  ${version.op}: ${version.value.words} words`);
}

console.log("what has changed:");
for (const each of await State.diff(scope, "draft", first.version, second.version)) {
  const old = each.kind === "added" ? "nothing" : each.old;
  console.log(`  ${each.path} ${each.kind}: ${old} -> ${each.new}`);
}

const past = await State.loadVersion(scope, "draft", first.version);
console.log(`it was called ${past.title}`);

// Reverting saves the old value again, as a new version: that, too, can be reverted.
const third = await State.revert(scope, "draft", first.version);
console.log(`reverted to ${(await State.load(scope, "draft")).title}, one version on: `
  + `${third.version === second.version + 1}`);

// A checkpoint marks the moment for everything there is. Rolling back is one transaction of
// ordinary writes; with a scope it leaves the other scopes alone.
const mark = await State.checkpoint("before the clean-up");
await State.save(scope, "draft", "oops");
await State.save(scope, "notes", "made after the checkpoint");
const done = await State.rollback(mark, scope);
console.log(`rolled back: ${done.restored} restored, ${done.removed} removed`);
console.log(`the draft is called ${(await State.load(scope, "draft")).title}`);
console.log(`notes are there: ${await State.keyExists(scope, "notes")}`);

// A rollback can be undone: it names a checkpoint of how it was before.
await State.rollback(done.before, scope);
console.log(`undone, the draft is ${await State.load(scope, "draft")}`);

for (const checkpoint of [mark, done.before]) await State.deleteCheckpoint(checkpoint);

// What is not in the journal cannot be found.
try {
  await State.loadVersion(scope, "draft", 1000000);
  console.log("found");
} catch (problem) {
  console.log(problem.code);
}
