"""Encryption at rest, from the bytes in the files up to the command line."""

import pytest

pytest.register_assert_rewrite("llmspell.testing")
