"""What ``bridges/test_reentrancy.py`` says of sandboxes holds in a worker process too."""

from bridges.test_reentrancy import *  # noqa: F403
