"""Detectors as the model tests build them."""

import pytest
import torch

from helpers.models import build_variant, make_spec


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """These networks are small: threads that wait for each other cost more than they give."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def spec():
    return make_spec


@pytest.fixture
def build():
    return build_variant
