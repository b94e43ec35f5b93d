"""What ``bridges/test_promises.py`` says of sandboxes holds in a worker process too."""

from bridges.test_promises import *  # noqa: F403
