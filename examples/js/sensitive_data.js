// Sensitive data: found, taken out or refused before it is stored.
//
//   llmspell run -c configs/sensitive-data.toml examples/js/sensitive_data.js
//
// Without the configuration nothing is searched, and everything is kept as it is.

const scope = "example:sensitive";

async function keep(key, value) {
  try {
    await State.save(scope, key, value);
  } catch (problem) {
    console.log(`${key}: ${problem.code} at ${problem.details.path}`);
    return;
  }
  const kept = await State.load(scope, key);
  for (const name of ["note", "password"]) {
    console.log(`${key}.${name}: ${kept[name]}`);
  }
}

await keep("harmless", { note: "prefers tea, order 1700000000", password: "none" });
await keep("contact", { note: "mail ada@example.com, not help@example.org", password: "correct horse" });
await keep("staff", { note: "ask EMP-123456 about AKIA" + "IOSFODNN7EXAMPLE", password: "staple" });
await keep("payment", { note: "paid with 4111 1111 1111 1111", password: "battery" });
