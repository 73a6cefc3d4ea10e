"""Contexts: what happens to the last level before the neck."""
