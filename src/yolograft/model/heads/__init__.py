"""Heads: maps to boxes."""
