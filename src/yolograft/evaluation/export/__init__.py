"""Export: a run's best weights in another format, run there, and compared with PyTorch."""
