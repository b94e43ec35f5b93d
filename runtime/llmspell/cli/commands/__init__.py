"""The commands: one file per group, imported when it is called."""
