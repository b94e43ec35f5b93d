"""What ``state/test_transactions.py`` says of State holds in a worker process too."""

from state.test_transactions import *  # noqa: F403
