"""A run whose images or labels have changed is neither taken for finished nor continued, alone or in a sweep."""

from pathlib import Path

from helpers.faults import CORPUS, write_corpus
from helpers.program import Program

SETTINGS = ("imgsz=32", "batch=4", "epochs=1", "device=cpu", "trainer.threads=1", "trainer.plots=false", "workers=0")


def test_relabelled_data_are_noticed(tmp_path: Path, yolograft: Program) -> None:
    data = write_corpus(tmp_path / "data", CORPUS[:0])
    common = ("dataset=auto", f"dataset.path={data.parent}", *SETTINGS)
    first = yolograft("train", *common)
    assert first.returncode == 0, first.stderr
    swept = yolograft("train", "-m", *common, "name=two", "neck=conv,gsconv")
    assert swept.returncode == 0, swept.stderr

    (data.parent / "labels" / "train" / "good 0.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    for command in (("train", *common), ("train", "-m", *common, "name=two", "neck=conv,gsconv,slim")):
        refused = yolograft(*command)
        assert refused.returncode == 2
        assert (
            "images, labels or their split have changed since this run began; name=… trains on them" in refused.stderr
        )
        assert "Traceback" not in refused.stderr
    assert len(list(tmp_path.glob("multirun/two/*/run.json"))) == 2
    anew = yolograft("train", *common, "name=anew")
    assert anew.returncode == 0, anew.stderr


def test_data_that_are_gone_do_not_hide_a_finished_result(tmp_path: Path, yolograft: Program) -> None:
    data = write_corpus(tmp_path / "data", CORPUS[:0])
    command = ("train", "dataset=auto", f"dataset.path={data.parent}", *SETTINGS)
    assert yolograft(*command).returncode == 0
    data.parent.rename(tmp_path / "unplugged")
    again = yolograft(*command)
    assert again.returncode == 0, again.stderr
    assert "is finished already" in again.stderr
