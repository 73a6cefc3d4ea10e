"""Plain torch: the four parts and how they make a detector."""
