"""The schema of configs, their composition and checks, and how a `_target_` becomes an object."""
