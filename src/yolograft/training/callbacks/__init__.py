"""Lightning callbacks: files, terminal, pruning."""
