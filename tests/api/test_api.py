"""`import yolograft`: the functions, and the examples in their docstrings."""

import doctest
import json
import subprocess
import sys
from pathlib import Path

import pytest

import yolograft
from helpers.made_sweep import make_sweep
from helpers.tiny import TINY
from yolograft import api


@pytest.mark.slow
def test_the_examples_in_the_docstrings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shared = {"yolograft": yolograft}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    parser = doctest.DocTestParser()
    for name in ("train", "load", "info", "compare"):  # in this order: later ones use what earlier ones made
        found = parser.get_doctest(getattr(api, name).__doc__, shared, name, None, 0)
        assert found.examples
        runner.run(found, clear_globs=False)
        shared = found.globs
    assert runner.failures == 0


def test_one_run_gives_its_record_and_again_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record = yolograft.train([*TINY, "epochs=1", "name=one"])
    assert isinstance(record, yolograft.RunRecord)
    assert record.folder is not None
    assert record.folder.name == record.name
    assert yolograft.train(" ".join([*TINY, "epochs=1", "name=one"])) == record
    model = yolograft.load(record.folder)
    assert not model.model.training
    assert list(model.names.values()) == list(
        yolograft.load(record.folder / "checkpoints/best.safetensors").names.values()
    )


def test_a_run_that_fails_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "failing.py").write_text(
        "from pytorch_lightning import Callback\n\n\nclass Failing(Callback):\n"
        "    def on_train_start(self, *_):\n        raise ValueError('on purpose')\n",
        encoding="utf-8",
    )
    with pytest.raises(RuntimeError, match="on purpose"):
        yolograft.train([*TINY, "epochs=1", "+callbacks.failing._target_=failing.Failing"])


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("backbone=efv1", "did you mean effv1?"),
        (["epochs=x"], "epochs=x: "),
        ("dataset=auto dataset.path=no/such/folder", "does not exist"),
        ("name='unclosed", "no closing quotation"),
        ("neck=conv,gsconv", "-m"),
        ("--cfg job", "--cfg"),
        ("plan=true", "plan=true"),
    ],
)
def test_a_mistake_is_a_user_error_in_one_line(overrides: str | list[str], said: str) -> None:
    with pytest.raises(yolograft.UserError, match=said) as refused:
        yolograft.train(overrides)
    assert "\n" not in str(refused.value)


def test_info_is_what_the_command_prints(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "yolograft", "info", "neck=gsconv", "format=json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert yolograft.info("neck=gsconv") == json.loads(done.stdout)
    with pytest.raises(yolograft.UserError, match="nck"):
        yolograft.info("nck=gsconv")


def test_compare_gives_data_frames(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "made", backbones=["yolo11", "effv1"], seeds=2, epochs=2, images=1)
    result = yolograft.compare(sweep)
    assert len(result.table) == 4
    assert result.table is result.table
    assert len(result.runs) == 8
    assert set(result.table["n"]) == {2}
    assert result.comparison.metric == "mAP50-95"
    other = yolograft.compare([str(sweep)], metric="mAP50", baseline={"backbone": "effv1", "neck": "conv"})
    assert other.table.set_index("variant")["baseline"].sum() == 1
    with pytest.raises(yolograft.UserError, match="nowhere"):
        yolograft.compare(tmp_path / "nowhere")


def test_load_refuses_what_is_no_detector(tmp_path: Path) -> None:
    with pytest.raises(yolograft.UserError, match="no weights file"):
        yolograft.load(tmp_path)


def test_overrides_in_one_string_are_split_as_a_shell_would_but_for_backslashes() -> None:
    words = api._words(r"""dataset.path=C:\data\x name='two words' filter="a == 'b'" # no comment""")
    assert words == [r"dataset.path=C:\data\x", "name=two words", "filter=a == 'b'", "#", "no", "comment"]


def test_the_package_says_what_it_offers() -> None:
    assert set(yolograft.__all__) <= set(dir(yolograft))
    for name in yolograft.__all__:
        assert getattr(yolograft, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        yolograft.trian  # type: ignore[attr-defined]  # noqa: B018
    assert set(api.__all__) <= set(yolograft.__all__)
    for name in ("train", "load", "info", "compare"):
        assert "Examples:" in getattr(api, name).__doc__


def test_the_package_is_typed() -> None:
    assert (Path(yolograft.__file__).parent / "py.typed").is_file()
