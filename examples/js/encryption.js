// A value of class sensitive is stored encrypted, or not at all.
//
//   llmspell keys generate --file master.key
//   LLMSPELL_MASTER_KEY="$(cat master.key)" llmspell run examples/js/encryption.js
//
// Without a key it shows the refusal.

const scope = "example:vault";
await State.clear(scope);

try {
  await State.save(scope, "token", "a secret of mine", { class: "sensitive" });
} catch (problem) {
  console.log(`refused: ${problem.code}`);
  console.log(`stored: ${(await State.listKeys(scope)).length} values`);
  return;
}

// Scripts see nothing of the encryption: they load what they saved.
console.log(`stored encrypted: ${(await State.getMetadata(scope, "token")).encrypted}`);
console.log(`loaded: ${await State.load(scope, "token")}`);

// The class stays with the value, whoever changes it.
await State.update(scope, "token", (token) => `${token}, changed`);
const metadata = await State.getMetadata(scope, "token");
console.log(`${metadata.class}, version ${metadata.version}, ${await State.load(scope, "token")}`);
