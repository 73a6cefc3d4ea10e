"""Contexts: what happens to P5 before the neck."""
