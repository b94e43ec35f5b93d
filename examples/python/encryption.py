"""Everything encrypted at rest, and a new key while the program runs.

    python examples/python/encryption.py

Makes a master key and a database in a folder of its own, and shows what stands in its files.
"""

import tempfile
from pathlib import Path

from llmspell import Config, Runtime
from llmspell.errors import LlmSpellError
from llmspell.security.keys.master import write_key_file


def main() -> None:
    """Save, look at the files, rotate the key, and try without it."""
    with tempfile.TemporaryDirectory() as folder:
        key_file, database = Path(folder, "master.key"), Path(folder, "state.db")
        write_key_file(key_file)
        security = {"encryption_enabled": True, "key_file": str(key_file)}
        config = Config(state={"path": str(database), "security": security})

        with Runtime(config) as runtime:
            runtime.execute("State.save('user:42', 'note', 'meet at noon')", engine="lua")
            print("loaded:", runtime.state.load("user:42", "note"))
            stored = b"".join(file.read_bytes() for file in Path(folder).glob("state.db*"))
            print("in the files:", b"meet at noon" in stored)

            runtime.state.rotate_key()
            anew = sum(step.sealed for step in runtime.state.reencrypt())
            print(f"encrypted anew with another key: {anew}")
            print("loaded:", runtime.state.load("user:42", "note"))

        try:
            with Runtime(Config(state={"path": str(database)})) as runtime:
                runtime.state.load("user:42", "note")
        except LlmSpellError as error:
            print("without the key:", error.code)


if __name__ == "__main__":
    main()
