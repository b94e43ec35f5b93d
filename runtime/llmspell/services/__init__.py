"""The host's side of ``Fs``, ``Env`` and ``Http``."""
