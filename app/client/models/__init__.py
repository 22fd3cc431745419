"""Answers as typed values. Words that the service may add to are `str`, so that a new one breaks no caller."""
