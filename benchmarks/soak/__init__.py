"""Mixed load for minutes, with swaps of the release in between (`make load`)."""
