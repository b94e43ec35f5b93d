"""Master keys, the key ring that they open, and the sealer of values.

Two lifetimes: a master key lives outside the store and may be exchanged; a key ring lives in
the store beside what it seals, wrapped by the master key, and only ever gains keys.
"""
