"""Loggers: where metrics go beside metrics.csv; none asks a question, needs an account or holds up a training."""
