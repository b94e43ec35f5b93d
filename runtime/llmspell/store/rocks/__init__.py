"""The store in a RocksDB folder."""
