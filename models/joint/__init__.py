"""Models that learn both tasks together."""
