"""Necks: P3, P4, P5 to the three maps the head reads."""
