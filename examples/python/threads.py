"""Use one Runtime from many threads: no update is ever lost.

python examples/python/threads.py
"""

from concurrent.futures import ThreadPoolExecutor

from llmspell import Runtime

SCRIPTS = {
    "lua": """
        for _ = 1, 100 do State.increment("global", "count") end
        State.update("global", "seen", function(names)
          names[#names + 1] = "Lua " .. ARGS[1]
          return names
        end, JSON.array {})
    """,
    "js": """
        for (let i = 0; i < 100; i++) await State.increment("global", "count");
        await State.update("global", "seen", (names) => [...names, `JavaScript ${ARGS[1]}`], []);
    """,
}


def main() -> None:
    with Runtime(profile="minimal") as runtime:

        def work(number: int) -> None:
            engine = "lua" if number % 2 else "js"
            runtime.execute(SCRIPTS[engine], engine=engine, args=[str(number)])

        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(work, range(8)))

        print("8 threads counted to", runtime.state.load("global", "count"))
        for name in sorted(runtime.state.load("global", "seen")):
            print("seen:", name)


if __name__ == "__main__":
    main()
