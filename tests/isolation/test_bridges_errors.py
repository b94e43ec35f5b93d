"""What ``bridges/test_errors.py`` says of sandboxes holds in a worker process too."""

from bridges.test_errors import *  # noqa: F403
