"""The secret that opens a key ring: a master key or a passphrase, and where it comes from."""

from __future__ import annotations

from llmspell.security.keys.derivation import DERIVATIONS, Derivation
from llmspell.security.keys.key_file import read_key_file, write_key_file
from llmspell.security.keys.master_key import MasterKey
from llmspell.security.keys.passphrase import Passphrase
from llmspell.security.keys.source import KEY_VARIABLE, PASSPHRASE_VARIABLE, MasterKeySource

__all__ = [
    "DERIVATIONS",
    "KEY_VARIABLE",
    "PASSPHRASE_VARIABLE",
    "Derivation",
    "MasterKey",
    "MasterKeySource",
    "Passphrase",
    "read_key_file",
    "write_key_file",
]
