"""Interactions cut by user into shards: which users are in each, rows read for some shards alone, and their order."""
