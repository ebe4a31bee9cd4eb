"""Training: the loop, its checkpoints, and the checks before it."""
