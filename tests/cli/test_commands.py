"""The table of commands: each entry has its function, its schema and its YAML file, and mistakes in it are named."""

import pytest
from hydra import compose

from yolograft.cli.command_line import check_command_line
from yolograft.cli.commands import COMMANDS, Command
from yolograft.common.errors import UserError
from yolograft.config.search_path import initialized


@pytest.mark.parametrize("name", COMMANDS)
def test_the_schema_and_the_yaml_file_have_the_same_keys(name: str) -> None:
    with initialized(name):
        keys = {str(key) for key in compose(name)}
    assert keys == set(COMMANDS[name].load_schema().model_fields)


def test_a_yaml_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "parts", COMMANDS["info"])
    with pytest.raises(UserError, match=r"^conf/parts\.yaml is missing"):
        check_command_line("parts", [])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("yolograft.cli.nfo.main", "names yolograft.cli.nfo.main: there is no module yolograft.cli.nfo"),
        ("yolograft.cli.info.mian", "names yolograft.cli.info.mian: yolograft.cli.info has no mian"),
    ],
)
def test_a_wrong_path_in_the_table_is_named(path: str, said: str) -> None:
    with pytest.raises(UserError, match=f"{said}$"):
        Command("", function=path, schema=path).load_function()
