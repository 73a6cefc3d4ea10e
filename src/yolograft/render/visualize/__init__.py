"""Pages and pictures of what detectors look at."""
