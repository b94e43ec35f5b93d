// A user's preferences: defaults, checked changes, and what to do when something goes wrong.
//
//   llmspell run examples/js/preferences.js

const scope = "user:example-42";
const defaults = { theme: "light", font_size: 12 };
await State.clear(scope); // a new user each time

// Preferences the user never set come from the defaults.
async function preferences() {
  return { ...defaults, ...(await State.load(scope, "preferences", {})) };
}

// Checks before it saves; an error may have a code, as State's own have.
async function set(name, value) {
  if (!(name in defaults)) {
    const problem = new Error(`there is no preference '${name}'`);
    problem.code = "unknown_preference";
    throw problem;
  }
  await State.update(scope, "preferences", (own) => ({ ...own, [name]: value }), {});
}

// `catch` gets errors. Those of State are StateErrors with `code`, `hint` and `details`.
async function attempt(what, action) {
  try {
    await action();
    console.log(`${what}: ok`);
  } catch (problem) {
    console.log(`${what}: ${problem.code}: ${problem.message}`);
  }
}

async function show(when) {
  const { theme, font_size } = await preferences();
  console.log(`${when}: ${theme}, ${font_size}`);
}

await show("before");
await attempt("set theme", () => set("theme", "dark"));
await show("after");

// Mistakes are refused whole, with a code to act on; what was stored stays as it was.
await attempt("set colour", () => set("colour", "red"));
await attempt("set font_size", () => set("font_size", 0 / 0));
await attempt("empty key", () => State.save(scope, "", "value"));
await attempt("no agent", () => State.save("agent:", "preferences", {}));

// Two editors opened the same version; the second to save is told so instead of overwriting.
const opened = (await State.getMetadata(scope, "preferences")).version;
await State.save(scope, "preferences", { theme: "blue" }, { if_version: opened });
try {
  await State.save(scope, "preferences", { theme: "pink" }, { if_version: opened });
} catch (problem) {
  // An error you cannot handle should go on.
  if (problem.code !== "version_conflict") throw problem;
  const { theme } = await preferences();
  console.log(`second editor: somebody saved first, the theme is ${theme}`);
}
