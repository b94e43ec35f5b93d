"""Backups: folders of checksummed chunks, what is made of a store and what it is made anew from."""
