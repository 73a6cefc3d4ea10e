"""Images and labels: sources, checks, loading."""
