"""Protect sensitive data before it is stored: redact, hash, encrypt, refuse.

    python examples/python/sensitive_data.py

The example makes a key for itself and keeps its values in memory. A real key comes from
`llmspell keys generate` and stands in the environment or in a file of its own.
"""

import os
import secrets

from llmspell import Runtime, load_config
from llmspell.errors import SensitiveData

os.environ["LLMSPELL_MASTER_KEY"] = secrets.token_hex(32)

CONFIG = load_config(
    overrides={
        "state.backend": "memory",
        "state.sensitive.enabled": True,
        "state.sensitive.action": "redact",
        "state.sensitive.patterns": {"employee_id": r"\bEMP-\d{6}\b"},
        "state.sensitive.actions": {"email": "hash", "payment_card": "refuse"},
        "state.sensitive.encrypt_fields": ["password"],
    },
)


def main() -> None:
    with Runtime(CONFIG) as runtime:
        state = runtime.state
        account = {"mail": "ada@example.com", "password": "correct horse", "by": "EMP-123456"}
        state.save("accounts", "ada", account)
        state.save("letters", "1", {"to": "ada@example.com"})

        kept = state.load("accounts", "ada")
        print("by:", kept["by"])
        print("password, from an encrypted field:", kept["password"])
        print("mail is a hash:", kept["mail"].startswith("hash:"))
        print("and the same one everywhere:", kept["mail"] == state.load("letters", "1")["to"])

        try:
            state.save("accounts", "bob", {"cards": ["4111 1111 1111 1111"]})
        except SensitiveData as error:
            print(f"refused: {error.details['detector']} at {error.details['path']}")


if __name__ == "__main__":
    main()
