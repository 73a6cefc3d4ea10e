"""Each conf/dataset file names a source and lists its options with their defaults, each with a comment."""

import importlib
import inspect
from pathlib import Path
from typing import get_type_hints

import pytest
from omegaconf import OmegaConf

from yolograft.config.schema import DATASET_OPTIONS
from yolograft.data.spec import DataSpec

FILES = sorted((Path(__file__).parents[2] / "conf" / "dataset").glob("*.yaml"))


def test_the_sources_of_the_design() -> None:
    own = {"auto", "yolo", "folder", "flat", "coco_json", "voc_xml", "labelme", "soda10m", "widerperson"}
    assert {file.stem for file in FILES} >= own | {"shapes", "coco8", "coco128", "coco", "voc"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_keys_and_defaults_are_the_signature_s(file: Path) -> None:
    config = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(config, dict)
    module, _, name = str(config.pop("_target_")).rpartition(".")
    source = getattr(importlib.import_module(module), name)
    parameters = inspect.signature(source).parameters
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters.values())
    defaults = {key: "???" if p.default is p.empty else p.default for key, p in parameters.items()}
    common = {key: config.pop(key) for key in DATASET_OPTIONS if key in config}
    assert set(common.items()) <= {("check", "warn")}, "what every data set takes is set in conf/train.yaml"
    assert config.pop("name", "???") != "???" or "name" not in defaults
    defaults.pop("name", None)
    assert config == defaults
    assert get_type_hints(source)["return"] is DataSpec
    options = [line for line in file.read_text(encoding="utf-8").splitlines() if line and line[0] not in "#_"]
    assert all("  # " in line for line in options)
