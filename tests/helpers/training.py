"""The types of the fixtures that train and build within the test's own process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from yolograft.model.detector import Detector

Trained = tuple[dict[str, Any], Path]
"""A run's record and its folder."""

Train = Callable[..., Trained]
"""Trains with overrides, into the folder `folder=`."""

Build = Callable[..., Detector]
"""Builds a detector: `backbone=`, `scale=`, `nc=`, and options of the backbone."""
