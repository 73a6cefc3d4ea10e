"""Backbones: image to the levels of the pyramid."""
