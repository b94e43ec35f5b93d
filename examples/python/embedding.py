"""Run Lua and JavaScript from a Python program, with State shared by all three.

    python examples/python/embedding.py

The example keeps its store in a temporary folder. A program of yours would name a lasting place,
or nothing: then it is .llmspell/state.db in the current folder.
"""

import tempfile

from llmspell import Runtime, ScriptError, load_config

GREET_IN_LUA = """
local name = State.load("global", "name", "nobody")
print("Lua says hello to " .. name)
State.save("global", "greeting", { text = "Hello, " .. name .. "!", language = "Lua" })
return #name
"""

READ_IN_JS = """
const greeting = await State.load("global", "greeting");
console.log(`JavaScript read: ${greeting.text}`);
return { text: greeting.text, letters: greeting.text.length };
"""

WRONG = """
State.save("global", "greeting", { shout = print })
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(overrides={"state.path": f"{folder}/state.db"})
        # A Runtime lives as long as the program; each run gets a fresh sandbox.
        with Runtime(config) as runtime:
            # What a program saves, its scripts can load.
            runtime.state.save("global", "name", "Ada")

            result = runtime.execute(GREET_IN_LUA, engine="lua")
            print(result.output, end="")
            print("Lua returned:", result.value)

            result = runtime.execute(READ_IN_JS, engine="js")
            print(result.output, end="")
            print("JavaScript returned:", result.value)

            # An error of a script is an exception that knows where it happened.
            try:
                runtime.execute(WRONG, engine="lua", name="wrong.lua")
            except ScriptError as error:
                print(f"{error.code} in {error.file}, line {error.line}: {error.message}")

            print("Python still reads:", runtime.state.load("global", "greeting")["text"])


if __name__ == "__main__":
    main()
