"""One report of a suite: Markdown, and plots beside it."""
