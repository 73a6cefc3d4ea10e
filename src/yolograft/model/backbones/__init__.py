"""Backbones: image to P3, P4, P5."""
