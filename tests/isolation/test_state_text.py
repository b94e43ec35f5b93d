"""What ``state/test_text.py`` says of State holds in a worker process too."""

from state.test_text import *  # noqa: F403
