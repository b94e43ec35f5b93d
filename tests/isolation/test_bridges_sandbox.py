"""What ``bridges/test_sandbox.py`` says of sandboxes holds in a worker process too."""

from bridges.test_sandbox import *  # noqa: F403
