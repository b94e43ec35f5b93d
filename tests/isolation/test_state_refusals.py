"""What ``state/test_refusals.py`` says of State holds in a worker process too."""

from state.test_refusals import *  # noqa: F403
