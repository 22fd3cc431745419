"""How good a model is, by which protocol."""
