// Files and environment variables: nothing is permitted until whoever runs the script says so.
//
//   llmspell run --allow-read=notes --allow-write=notes --allow-env=USER examples/js/files.js
//
// Without these flags it tells what is missing.

// Tries something; what is not permitted is told with the flag that would permit it.
async function attempt(promise) {
  try {
    return { permitted: true, result: await promise };
  } catch (problem) {
    if (problem.code !== "permission_denied") throw problem;
    console.log(problem.message);
    console.log("  " + problem.hint);
    return { permitted: false };
  }
}

const user = await attempt(Env.get("USER", ""));
if (user.permitted) console.log("the user has a name: " + (user.result !== ""));

// A file is replaced as a whole: readers see the old content or the new.
const written = await attempt(
  Fs.write("notes/today.txt", "Water the plants.\n", { create_dirs: true }),
);
if (!written.permitted) return;
await Fs.write("notes/today.txt", "Call Ada.\n", { append: true });

const notes = await attempt(Fs.read("notes/today.txt"));
if (notes.permitted) {
  for (const line of notes.result.trim().split("\n")) console.log("todo: " + line);
  for (const entry of await Fs.list("notes")) {
    console.log(`${entry.name} is a ${entry.kind} of ${entry.size} bytes`);
  }
  const planned = await Fs.exists("notes/tomorrow.txt");
  console.log("tomorrow: " + (planned ? "planned" : "still free"));
}
