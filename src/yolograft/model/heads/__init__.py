"""Heads: three maps to boxes."""
