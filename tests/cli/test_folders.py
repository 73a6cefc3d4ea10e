"""`yolograft report DIR`: folders without their key."""

from pathlib import Path

import pytest

from yolograft.cli.folders import with_keys
from yolograft.common.errors import UserError


@pytest.mark.parametrize(
    ("command", "given", "made"),
    [
        ("report", ["multirun/a"], ["runs='multirun/a'"]),
        ("report", ["a b", "sort=params", "it's"], ["runs=['a b','it\\'s']", "sort=params"]),
        ("report", ["runs=a", "--cfg", "job"], ["runs=a", "--cfg", "job"]),
        ("dashboard", ["~/a", "~metric"], ["runs='~/a'", "~metric"]),
        ("sweeps", ["elsewhere"], ["root='elsewhere'"]),
        ("info", ["train"], ["train"]),
    ],
)
def test_folders_get_their_key(command: str, given: list[str], made: list[str]) -> None:
    assert with_keys(command, given) == made


def test_a_folder_may_have_an_equals_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lr=1").mkdir()
    assert with_keys("report", ["lr=1"]) == ["runs='lr=1'"]


@pytest.mark.parametrize(("command", "given"), [("report", ["a", "runs=b"]), ("sweeps", ["a", "b"])])
def test_what_cannot_be_meant_is_refused(command: str, given: list[str]) -> None:
    with pytest.raises(UserError, match=r"^a"):
        with_keys(command, given)
