"""The only place that touches ultralytics' internals.

Import this package before `ultralytics`: ultralytics reads its environment on import. Its settings file goes into our
cache folder instead of the user's home, it must not install packages by itself, and it must not look for a network to
make plots or read labels (downloads that a person asks for switch that back on for themselves).
"""

import os

from yolograft.common.cache import cache_dir

_settings = cache_dir() / "ultralytics"
_settings.mkdir(parents=True, exist_ok=True)
os.environ.setdefault("YOLO_CONFIG_DIR", str(_settings))
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_VERBOSE", "false")

#: Pixels of the largest image that is decoded; Pillow's own limit, and with this OpenCV's, which reads it on import.
MAX_PIXELS = 178_956_970
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
