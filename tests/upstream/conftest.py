"""Detectors to hold against ultralytics' own."""

import pytest

from helpers.models import build_variant


@pytest.fixture
def build():
    return build_variant
