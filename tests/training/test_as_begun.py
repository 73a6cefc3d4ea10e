"""What a run that is gone on with keeps of its first start, whatever `auto` would choose now."""

from pathlib import Path
from typing import Any

import pytest

from yolograft.runs.record import RunRecord
from yolograft.training import train
from yolograft.training.train import _as_begun

AUTO = {"threads": "auto", "precision": "auto", "plots": True}


@pytest.mark.parametrize(
    ("begun", "kept"),
    [
        (RunRecord(threads=2, device="cpu", precision="bfloat16"), {"threads": 2, "precision": "bf16"}),
        (RunRecord(threads=8, device="cpu", precision="fp32"), {"threads": 4, "precision": "fp32"}),
        (RunRecord(threads=2, device="cuda:0", precision="float16"), {"threads": 2}),
        (RunRecord(device="cpu", precision="nonsense"), {}),
        (RunRecord(), {}),
    ],
)
def test_threads_and_precision_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: RunRecord, kept: dict[str, Any]
) -> None:
    monkeypatch.setattr(train, "cores", lambda: 4)
    assert _as_begun(AUTO, tmp_path, begun) == AUTO  # no checkpoint: it begins anew
    (tmp_path / "checkpoints").mkdir(exist_ok=True)
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    assert _as_begun(AUTO, tmp_path, begun) == {**AUTO, **kept}
    given = {"threads": 1, "precision": "fp32"}
    assert _as_begun(given, tmp_path, begun) == given
