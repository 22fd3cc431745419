"""Vectors for people and items that came after training, with everything that was trained held fixed."""
