"""YOLOGraft: compose, train and compare YOLO11 variants on an unmodified ultralytics."""

__version__ = "0.1.0"
