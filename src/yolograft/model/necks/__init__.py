"""Necks: the levels of the pyramid to the maps the head reads."""
