"""What may be said on the command line, and what a run is."""
