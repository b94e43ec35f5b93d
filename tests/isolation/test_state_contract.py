"""What ``state/test_contract.py`` says of State holds in a worker process too."""

from state.test_contract import *  # noqa: F403
