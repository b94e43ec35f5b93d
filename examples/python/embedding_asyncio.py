"""Run scripts and use their State from an asyncio program without holding up its event loop.

    python examples/python/embedding_asyncio.py

One Runtime serves any number of runs at once; each runs to its end in a worker thread.
"""

import asyncio

from llmspell import AsyncStateManager, Runtime

COUNT_IN_LUA = """
for _ = 1, tonumber(ARGS[1]) do State.increment("global", "count") end
return ARGS.name .. " counted " .. ARGS[1]
"""

COUNT_IN_JS = """
for (let i = 0; i < Number(ARGS[1]); i++) await State.increment("global", "count");
return `${ARGS.name} counted ${ARGS[1]}`;
"""


async def heartbeat(done: asyncio.Event) -> bool:
    """Show that the loop stays free: count how often it gets its turn."""
    beats = 0
    while not done.is_set():
        beats += 1
        await asyncio.sleep(0.001)
    return beats > 1


async def main() -> None:
    # The profile "minimal" keeps the state in memory.
    with Runtime(profile="minimal") as runtime:
        done = asyncio.Event()
        alive = asyncio.create_task(heartbeat(done))
        results = await asyncio.gather(
            runtime.aexecute(COUNT_IN_LUA, engine="lua", args=["200", "--name", "Lua"]),
            runtime.aexecute(COUNT_IN_JS, engine="js", args=["300", "--name", "JavaScript"]),
        )
        for result in results:
            print(result.value)

        # The same state, awaited. Whoever opened a state closes it: here that is the Runtime.
        async with AsyncStateManager(runtime.state) as state:
            await asyncio.gather(*(state.increment("global", "count") for _ in range(500)))
            print("together with 500 tasks:", await state.load("global", "count"))
            keys = [entry.key async for entry in state.export_entries("global")]
            print("stored:", keys)
        done.set()
        print("the event loop went on:", await alive)


if __name__ == "__main__":
    asyncio.run(main())
