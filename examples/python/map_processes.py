"""Run one script over many inputs on all processors, with one State.

    python examples/python/map_processes.py

Each process makes a runtime of its own, of the same configuration. The store must be one that
processes can share: SQLite here, a server for several machines.
"""

import tempfile

from llmspell import Runtime, Script, ScriptError, load_config

COUNT_PRIMES = Script(
    """
    local first, last, found = INPUT.first, INPUT.last, 0
    for n = first, last do
      local prime = n > 1
      for d = 2, math.floor(n ^ 0.5) do
        if n % d == 0 then prime = false break end
      end
      if prime then found = found + 1 end
    end
    State.increment("global", "primes", found)
    return string.format("%d to %d: %d", first, last, found)
    """,
    engine="lua",
    name="count_primes.lua",
)

READ_A_NUMBER = Script(
    """
    if (!/^\\d+$/.test(INPUT)) throw new Error(`${INPUT} is no number`);
    Number(INPUT);
    """,
    engine="js",
    name="read_a_number.js",
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(overrides={"state.path": f"{folder}/state.db"})
        with Runtime(config) as runtime:
            ranges = [{"first": n, "last": n + 9_999} for n in range(0, 60_000, 10_000)]
            # Without executor= the runs go to as many processes as there are processors.
            for result in runtime.map(COUNT_PRIMES, ranges):
                print(result.value)
            print("primes in all:", runtime.state.load("global", "primes"))

            # An error is raised in its place, or taken as a result.
            texts = ["7", "seven", "77"]
            for outcome in runtime.map(READ_A_NUMBER, texts, return_exceptions=True):
                if isinstance(outcome, ScriptError):
                    print(f"{outcome.file}, line {outcome.line}: {outcome.message}")
                else:
                    print("read:", outcome.value)


# New processes read this file again; only the first one is to run main().
if __name__ == "__main__":
    main()
