"""Run one script over many inputs on a Dask cluster, with results in State.

    pip install distributed
    python examples/python/map_dask.py

The cluster here is two processes of this machine, which share a SQLite file. For one of many
machines pass the scheduler's address to Client, and name a server in the configuration:
state.url = "postgresql+psycopg://...".
"""

import tempfile

from distributed import Client, LocalCluster

from llmspell import Runtime, Script, load_config

COUNT_WORDS = Script(
    """
    const words = INPUT.toLowerCase().match(/[a-z]+/g);
    for (const word of words) await State.increment("custom:words", word);
    return words.length;
    """,
    engine="js",
    name="count_words.js",
)

LINES = [
    "The woods are lovely, dark and deep,",
    "But I have promises to keep,",
    "And miles to go before I sleep,",
    "And miles to go before I sleep.",
] * 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(overrides={"state.path": f"{folder}/state.db"})
        with (
            LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as cluster,
            Client(cluster) as client,
            Runtime(config) as runtime,
        ):
            results = runtime.map(COUNT_WORDS, LINES, executor=client.get_executor(), chunksize=5)
            print("words in all:", sum(result.value for result in results))

            state = runtime.state
            counts = state.load_many("custom:words", state.list_keys("custom:words"))
            for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]:
                print(f"{count:3} {word}")


if __name__ == "__main__":
    main()
