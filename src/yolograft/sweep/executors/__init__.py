"""Where a sweep's runs are trained: in this process, side by side on this machine, by Slurm, on Ray."""
