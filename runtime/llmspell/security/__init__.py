"""Protection of the state: keys and ciphers, access, sensitive data, audit, validation.

These packages work on values and bytes. None knows a store or a StateManager; the state's own
modules call them where a value comes in, goes out, or is about to be refused.
"""
