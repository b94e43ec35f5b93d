"""What ``bridges/test_escapes.py`` says of sandboxes holds in a worker process too."""

from bridges.test_escapes import *  # noqa: F403
