"""What can go wrong with a suite."""


class SuiteError(Exception):
    """What stands in the suite's folder cannot be gone on with, or read; the message names the place and the reason."""
