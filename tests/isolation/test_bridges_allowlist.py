"""What ``bridges/test_allowlist.py`` says of sandboxes holds in a worker process too."""

from bridges.test_allowlist import *  # noqa: F403
