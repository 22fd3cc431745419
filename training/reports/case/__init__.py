"""One user: what the model recommends, and the stored facts that tie it to the history."""
