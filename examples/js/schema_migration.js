// User profiles of version 1, brought to version 2 of their schema, and back.
//
//   llmspell -c configs/schema-migration.toml run examples/js/schema_migration.js
//
// Run it in the folder above examples/: the schemas and the migration are files in
// examples/schemas and examples/migrations. Without the configuration it says what is missing.

const scope = "example:profiles";

if (!State.migrate) {
  console.log("migrations are off: run it with -c configs/schema-migration.toml");
  return;
}

function show({ user_id, contact_info, notification_level }) {
  const { email, verified } = contact_info;
  console.log(`  ${user_id} <${email}> ${notification_level}, verified: ${verified}`);
}

// What an older release stored. Values are of the latest version unless one is named.
await State.clear(scope);
const old = { schema_version: 1 };
await State.save(scope, "ada", {
  user_id: "ada", email: "ada@example.com", notifications: true, legacy_setting: "beep",
}, old);
await State.save(scope, "bob", { user_id: "bob", email: "bob at home", notifications: false }, old);
await State.save(scope, "eve", { user_id: "eve", email: "eve@example.org", notifications: true },
  old);

// A value that does not fit its version is not kept.
await State.save(scope, "mal", { user_id: "mal" }, old)
  .catch((problem) => console.log(`mal: ${problem.code}`));

// Look before you leap: nothing is written.
const found = await State.migrate(2, { schema: "user_profile", dry_run: true });
console.log(`${found.status}: ${found.items_migrated} of ${found.items_checked}`);

// One entry, then all the others.
const one = await State.migrate(scope, "ada", 2);
console.log(`ada: ${one.status}, ${one.from_version} -> ${one.to_version}`);
show(await State.load(scope, "ada"));
const all = await State.migrate("2.0.0", { schema: "user_profile" });
console.log(`${all.status}: ${all.items_migrated}, failed: ${all.items_failed}`);
for (const key of await State.listKeys(scope)) {
  show(await State.load(scope, key));
}

const profiles = (await State.getMigrationStatus()).schemas.user_profile;
console.log(`version 2: ${profiles.entries["2"]}, to migrate: ${profiles.pending}`);
for (const version of (await State.getSchemaVersions()).user_profile.versions) {
  console.log(`  ${version.semantic_version} ${version.description}`);
}

// And back: the step tells how.
await State.migrate(scope, "ada", 1);
const ada = await State.load(scope, "ada");
console.log(`ada again: ${ada.email}, notifications: ${ada.notifications}`);

// There is no version 9.
await State.migrate(scope, "ada", 9).catch((problem) => console.log(problem.code));
