"""What the YAML files say of each key, and where a person reads it."""

from pathlib import Path

import pytest
import yaml

from yolograft.cli.commands import COMMANDS
from yolograft.config.comments import composed_keys, file_header, file_keys
from yolograft.config.help import command_help
from yolograft.config.locations import conf_dir

OPTIONS = sorted(
    f"{path.parent.name}={path.stem}"
    for path in conf_dir().glob("*/*.yaml")
    if path.parent.name not in ("hydra", "base") and path.stem != "auto"  # a base chooses options, and has no keys
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_of_a_command_is_explained(command: str) -> None:
    silent = [key.key for key in composed_keys(command) if not key.comment and not key.key.endswith("_target_")]
    assert not silent


@pytest.mark.parametrize("option", OPTIONS)
def test_every_key_of_an_option_is_explained(option: str) -> None:
    group = option.partition("=")[0]
    keys = [key for key in composed_keys("train", [option]) if key.group == group]
    assert keys
    assert not [key.key for key in keys if not key.comment and not key.key.endswith("_target_")]


def test_an_option_explains_what_it_takes_over_from_another() -> None:
    found = {key.key: key for key in composed_keys("train", ["optim=adamw", "optim.lrf=0.5"])}
    assert found["optim.lr0"].value == "0.001"
    assert found["optim.lrf"].value == "0.5"
    assert found["optim.lrf"].comment == "final learning rate, as a fraction of lr0"
    assert found["optim"].comment.startswith("adamw: AdamW")


def test_help_is_yaml_with_the_comments_behind_the_values() -> None:
    text = command_help("train", ["optim=adamw", "backbone=effv1", "epochs=7"])
    shown = text[text.index("  backbone:\n" if "  backbone:\n" in text else "  backbone: ") :]
    config = yaml.safe_load(shown)
    assert config["epochs"] == 7
    assert config["optim"]["lr0"] == 0.001
    assert "    variant: b0                   # b0 ... b8, l2\n" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_comment_stands_behind_its_value_or_right_above_it() -> None:
    text = (
        "# @package _global_\n# The file.\na: 'x # y' # of a\n\n# lost\n\n# of b,\n# in two lines\nb:\n"
        "  c: [1, 2]  # of c\n  d: |\n    # text\n  e: plain\n"
    )
    assert file_header(text) == "The file."
    assert {key.key: key.comment for key in file_keys(text)} == {
        "a": "of a",
        "b": "of b, in two lines",
        "b.c": "of c",
        "b.d": "",
        "b.e": "",
    }


def test_what_a_person_says_in_their_own_option_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("optim").mkdir()
    Path("optim/mine.yaml").write_text("# Mine.\ndefaults:\n  - auto\n\nlr0: 0.5 # found by hand\n", encoding="utf-8")
    found = {key.key: key for key in composed_keys("train", ["optim=mine"])}
    assert found["optim.lr0"].comment == "found by hand"
    assert found["optim"].comment == "mine: Mine."
