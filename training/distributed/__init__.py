"""Training by several processes, started by torchrun: who they are, what they add up, and tables that they share."""
