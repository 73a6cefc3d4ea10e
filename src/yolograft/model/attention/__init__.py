"""Attention: what weights a map's channels or cells, and never changes its shape."""
