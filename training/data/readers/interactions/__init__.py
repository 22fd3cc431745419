"""Formats that hold who met what: ratings, plays, purchases, and what is said of the items beside them."""
