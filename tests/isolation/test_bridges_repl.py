"""What ``bridges/test_repl.py`` says of sandboxes holds in a worker process too."""

from bridges.test_repl import *  # noqa: F403
