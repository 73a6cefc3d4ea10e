from pathlib import Path

import pytest

from yolograft.analysis.comparison import Comparison, compare_folders
from yolograft.analysis.frame import to_frame
from yolograft.common.errors import UserError


def test_folders_are_read_and_compared(sweep: Path, grid: Comparison) -> None:
    assert compare_folders(sweep) == compare_folders(str(sweep)) == compare_folders([sweep]) == grid
    assert compare_folders(sweep, "mAP50").metric == "mAP50"
    with pytest.raises(UserError, match="no such folder"):
        compare_folders(sweep / "nothing")


def test_a_row_per_variant_has_the_numbers_of_the_comparison(seeds: Comparison) -> None:
    frame = to_frame(seeds)
    assert list(frame["variant"]) == [row.variant.label for row in seeds.rows]
    assert frame["mAP50-95"].dtype == float
    best = frame.iloc[0]
    row = seeds.rows[0]
    assert row.difference
    assert (best["backbone"], best["neck"], best["n"]) == ("yolo11", "gsconv", 3)
    assert best["mAP50-95"] == row.statistics["mAP50-95"].mean
    assert best["difference_p_holm"] == row.difference.p_holm
    assert frame[frame["baseline"]]["difference"].isna().all()


def test_a_row_per_run(seeds: Comparison) -> None:
    frame = to_frame(seeds, "runs")
    assert len(frame) == len(seeds.runs) == 12
    assert frame.groupby("status").size().to_dict() == {"failed": 1, "finished": 11}
    assert set(frame[frame["variant"] == seeds.rows[0].variant.label]["mAP50-95"]) == {0.520, 0.531, 0.509}
