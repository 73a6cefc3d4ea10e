"""A variant, data and the recipe become a finished run."""
