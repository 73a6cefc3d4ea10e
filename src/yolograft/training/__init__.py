"""One run's training, from its config to its result."""
