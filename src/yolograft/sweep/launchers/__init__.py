"""Where a sweep's runs are done: side by side on this machine, by Slurm, on Ray."""
