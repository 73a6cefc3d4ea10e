"""Readers of labels, one file per format."""
