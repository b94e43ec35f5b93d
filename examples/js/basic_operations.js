// The everyday calls: save, load, change, look around, remove.
//
//   llmspell run examples/js/basic_operations.js

// Start empty. Versions count on even so: no key ever has the same version twice.
const scope = "example:basics";
await State.clear(scope);

// Create. `save` returns facts about the entry, among them its version.
const first = await State.save(scope, "user", { name: "Ada", city: "London" });
console.log(`saved user, version ${first.version}`);

// Read.
const user = await State.load(scope, "user");
console.log(`loaded user: ${user.name} from ${user.city}`);

// What you loaded is your own copy: changing it changes nothing stored, until you save it.
user.city = "Paris";
console.log(`still stored: ${(await State.load(scope, "user")).city}`);
const second = await State.save(scope, "user", user);
console.log(`now stored: ${(await State.load(scope, "user")).city}, version ${second.version}`);

// Several entries at once: all are saved, or none.
await State.saveMany(scope, { color: "green", size: 12 });
const found = await State.loadMany(scope, ["color", "size", "shape"]);
console.log(`color ${found.color}, size ${found.size}, shape found: ${found.shape !== undefined}`);

// Look around.
console.log(`keys: ${(await State.listKeys(scope)).join(", ")}`);
const withS = await State.listKeys(scope, { prefix: "s" });
console.log(`keys that start with s: ${withS.join(", ")}`);
console.log(`color exists: ${await State.keyExists(scope, "color")}`);

// Facts about an entry without its value.
const facts = await State.getMetadata(scope, "user");
console.log(`user: version ${facts.version}, class ${facts.class}`);
console.log(`saved before now: ${facts.updated_at <= new Date()}`);

// Remove. `delete` tells whether there was something.
console.log(`deleted color: ${await State.delete(scope, "color")}`);
console.log(`deleted color again: ${await State.delete(scope, "color")}`);
console.log(`removed the rest: ${await State.clear(scope)} entries`);
