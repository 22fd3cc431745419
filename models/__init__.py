"""Parameters and scores: no loss, no loop, no web."""
