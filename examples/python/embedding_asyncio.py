"""Run scripts from an asyncio program without holding up its event loop.

    python examples/python/embedding_asyncio.py

A script runs to its end in the thread that starts it. So an asyncio program hands each run to a
worker thread; one Runtime serves any number of them.
"""

import asyncio

from llmspell import Runtime

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
            asyncio.to_thread(
                runtime.execute, COUNT_IN_LUA, engine="lua", args=["200", "--name", "Lua"]
            ),
            asyncio.to_thread(
                runtime.execute, COUNT_IN_JS, engine="js", args=["300", "--name", "JavaScript"]
            ),
        )
        done.set()
        for result in results:
            print(result.value)
        print("together:", await asyncio.to_thread(runtime.state.load, "global", "count"))
        print("the event loop went on:", await alive)


if __name__ == "__main__":
    asyncio.run(main())
