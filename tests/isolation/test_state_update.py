"""What ``state/test_update.py`` says of State holds in a worker process too."""

from state.test_update import *  # noqa: F403
