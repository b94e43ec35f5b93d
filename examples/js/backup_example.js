// Backups: everything, what was changed since, one scope; verified, restored, and undone again.
//
//   llmspell -c configs/backup-enabled.toml run examples/js/backup_example.js
//
// Without the configuration it says what is missing. It restores its own scope alone, so that
// nothing else that is kept there is touched; the backups stay until they are pruned.

const scope = "example:backup";

if (!State.createBackup) {
  console.log("backups are off: run it with -c configs/backup-enabled.toml");
  return;
}

async function show(what) {
  const mood = await State.load(scope, "mood", "none");
  console.log(`${what}: mood ${mood}, keys: ${(await State.listKeys(scope)).join(" ")}`);
}

await State.clear(scope);
await State.save(scope, "plan", ["guess", "answer"]);
await State.save(scope, "mood", "calm");

// A full backup has every entry of the store, an incremental one the changes since its base.
const full = await State.createBackup("full", { label: "a quiet evening" });
await State.save(scope, "mood", "bold");
const moment = await State.checkpoint();
await State.save(scope, "mood", "reckless");
await State.delete(scope, "plan");
const changes = await State.createBackup("incremental", { base: full });
const alone = await State.createBackup("scope", { scope });

const mine = [full, changes, alone];
for (const backup of await State.listBackups()) {
  if (mine.includes(backup.id)) {
    const of = backup.scope ?? backup.label ?? "the changes since";
    console.log(`${backup.type} (${of}), verified: ${backup.verified}`);
  }
}

// Reading it all again, with what it is made from.
const found = await State.validateBackup(changes);
console.log(`valid: ${found.valid}, backups read: ${found.backups.length}`);

// What a restore would do, and doing it. How it was before is backed up first.
await show("before");
const dry = await State.restoreBackup(full, { scope, dry_run: true });
for (const change of dry.changes) {
  console.log(`  would ${change.action} ${change.key}`);
}
const done = await State.restoreBackup(full, { scope });
await show(`${done.status} ${done.restored}`);
await State.restoreBackup(done.pre_restore_backup_id, { scope });
await show("undone");

// One key; only what is missing; a moment that no backup was made at.
await State.restoreBackup(full, { scope, keys: ["mood"] });
await show("one key");
const kept = await State.restoreBackup(full, { scope, policy: "keep" });
await show(`what was missing, left alone: ${kept.unchanged + kept.skipped}`);
await State.restoreBackup(null, { scope, checkpoint: moment });
await show("at the checkpoint");

// What the configuration lets go, without removing anything.
const cleanup = await State.cleanupBackups(true);
console.log(`would remove: ${cleanup.deleted.length}`);
console.log(`room taken: ${(await State.getStorageUsage()).total_bytes > 0}`);

await State.createBackup("weekly")
  .catch((problem) => console.log(`${problem.code}: ${problem.message}`));
await State.restoreBackup("20200101T000000Z-000000").catch((problem) => console.log(problem.code));
