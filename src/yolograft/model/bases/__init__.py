"""The families of detectors whose parts are swapped: one file for each, plain data that needs no torch."""

from yolograft.model.bases.yolo11 import YOLO11

DEFAULT_BASE = YOLO11
"""What a model is a variant of unless it says otherwise."""
