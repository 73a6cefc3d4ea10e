"""Timing detectors fairly: folded, side by side in one process, in turns."""
