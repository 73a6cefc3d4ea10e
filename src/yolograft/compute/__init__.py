"""What a training or measurement is computed with: devices, threads, reproducibility."""
