"""Convolution blocks that several parts use."""
