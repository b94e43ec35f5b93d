// Entries that end by themselves: sign-in codes, caches, limits per time.
//
//   llmspell run examples/js/ttl.js

const scope = "example:expiring";
await State.clear(scope);

// `ttl` is in seconds. The metadata tells when it is over.
const saved = await State.save(scope, "code", "4711", { ttl: 60 });
console.log(`lasts ${(saved.expires_at - saved.updated_at) / 1000} seconds`);

// Changing a value keeps the time; saving it anew without one makes it stay.
await State.update(scope, "code", (code) => code + "0");
async function expires() {
  return (await State.getMetadata(scope, "code")).expires_at !== null;
}
console.log(`still expires after an update: ${await expires()}`);
await State.save(scope, "code", "0815");
console.log(`still expires after a save: ${await expires()}`);

// What has expired is not there any more, for nobody and in no way.
await State.save(scope, "short", "soon gone", { ttl: 0.2 });
while (await State.keyExists(scope, "short"));
console.log(`short: ${await State.load(scope, "short", "gone")}`);
console.log(`keys: ${(await State.listKeys(scope)).join(", ")}`);

// At most three requests a second. The window begins with the first one and ends by itself;
// `if_version: 0` lets only one of several scripts begin it.
async function isAllowed(user) {
  if (!await State.keyExists(scope, user)) {
    await State.save(scope, user, 0, { ttl: 1, if_version: 0 }).catch(() => {});
  }
  return await State.increment(scope, user) <= 3;
}

for (let request = 1; request <= 5; request++) {
  console.log(`request ${request}: ${await isAllowed("ada") ? "allowed" : "too many"}`);
}
while (await State.keyExists(scope, "ada"));
console.log(`a second later: ${await isAllowed("ada") ? "allowed" : "too many"}`);
