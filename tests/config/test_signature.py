"""Options are read from source text, and are those that the imported part really has."""

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import Literal

import pytest
import yaml

from yolograft.common.errors import UserError
from yolograft.config.check import PART_GROUPS
from yolograft.config.instantiate import call, signature
from yolograft.config.locations import conf_dir
from yolograft.config.schema import DATASET_OPTIONS
from yolograft.config.signature import options

YAMLS = sorted(path for group in PART_GROUPS for path in (conf_dir() / group).glob("*.yaml"))
YAMLS.remove(conf_dir() / "attention" / "none.yaml")  # which stands for nothing


def test_literals_become_types() -> None:
    kind, default = options("yolograft.model.backbones.mbv3.MBV3")["variant"]
    assert kind == Literal["large", "small"]
    assert default == "large"


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UserError, match="has no class or function Missing"):
        options("yolograft.model.backbones.mbv3.Missing")
    with pytest.raises(UserError, match=r"no module"):
        options("yolograft.nowhere.Thing")


@pytest.mark.parametrize("path", YAMLS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_yaml_text_and_code_agree(path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    target = config.pop("_target_")
    part = pkgutil.resolve_name(target)
    parameters = signature(part).parameters.values()
    real = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    read = options(target)
    common = set(DATASET_OPTIONS) if path.parent.name == "dataset" else set()
    assert set(config) - common == set(real) == set(read)
    for name, default in real.items():
        if default is inspect.Parameter.empty:
            assert config[name], "??? where the person must give it, or what this YAML stands for"
        else:
            # A neck's None stands for the piece that its class has; its YAML says which.
            assert config[name] in (default, getattr(getattr(part, "pieces", None), name, default))
            assert read[name][1] == default


PASSES_ON = """
class Base:
    def __init__(self, model, *, box: float = 7.5, cls: float = 0.5) -> None: ...

class Own(Base):
    def __init__(self, model, *, alpha: int = 3, cls: float = 1.0, **options) -> None:
        super().__init__(model, cls=cls, **options)

class Takes:
    def __init__(self, model, **anything) -> None: ...
"""


def test_a_constructor_that_passes_options_on_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passing.py").write_text(PASSES_ON)
    monkeypatch.syspath_prepend(tmp_path)
    expected = {"box": (float, 7.5), "cls": (float, 1.0), "alpha": (int, 3)}
    assert options("passing.Own") == expected
    passing = importlib.import_module("passing")
    taken = signature(passing.Own).parameters
    assert {name: p.default for name, p in taken.items() if name != "model"} == {"box": 7.5, "cls": 1.0, "alpha": 3}
    call(passing.Own, "loss 'own'", (None,), {"box": 1.0, "alpha": 2})
    with pytest.raises(UserError, match="loss 'own': got an unexpected keyword argument 'beta'"):
        call(passing.Own, "loss 'own'", (None,), {"beta": 1})
    assert "anything" in signature(passing.Takes).parameters  # what is done with them, nobody else knows
