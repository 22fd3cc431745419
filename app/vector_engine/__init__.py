"""Nomination of items by a vector engine, for more items than the memory of one machine holds."""
