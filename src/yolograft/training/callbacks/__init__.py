"""What happens beside the training: files, terminal, loggers."""
