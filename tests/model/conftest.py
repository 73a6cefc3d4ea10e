"""Building detectors from the real files in conf/, as a person does from the command line."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from yolograft.model.detector import Detector, ModelSpec, build_detector

CONF = Path(__file__).parents[2] / "conf"


def group(name: str, choice: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / name / f"{choice}.yaml").read_text(encoding="utf-8"))


def make_spec(
    *, backbone="yolo11", context="sppf_c2psa", neck="conv", head="detect", scale="n", loss="ciou", nc=80, **options
) -> ModelSpec:
    """Return the spec of a variant; further options go to its backbone."""
    parts = {
        "backbone": group("backbone", backbone) | options,
        "context": group("context", context),
        "neck": group("neck", neck),
        "head": group("head", head),
    }
    return ModelSpec(parts, group("scale", scale), nc, {}, group("loss", loss))


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
    def build(trust=(), **choices) -> Detector:
        return build_detector(make_spec(**choices), trust)

    return build
