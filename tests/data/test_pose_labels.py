"""Labels of another task: pose rows give their boxes, turned boxes their bounds; what nobody can tell is refused."""

from pathlib import Path

import numpy as np
import pytest

from helpers.readings import write_image
from yolograft.common.errors import UserError
from yolograft.data.checks import Fault
from yolograft.data.labels.pose import fits_key_points
from yolograft.data.listing import list_images
from yolograft.data.scan import Scan, scan_split
from yolograft.data.sources.yolo import yolo

BOX = "0 0.375 0.375 0.25 0.25"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path_factory.mktemp("cache")))


def scanned(root: Path, rows: list[str], more: str = "") -> Scan:
    """Write one image for each row and read them."""
    for number, row in enumerate(rows):
        write_image(root / "images" / f"{number}.png")
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{number}.txt").write_text(row + "\n")
    (root / "data.yaml").write_text(f"train: images\nnames: [a]\n{more}\n")
    spec = yolo(path=str(root))
    return scan_split(spec, "train", list_images(spec, "train"))


def told(found: Scan) -> list[tuple[str, int | None, str]]:
    return [(fault.kind, fault.line, fault.message) for fault in found.faults]


@pytest.mark.parametrize(
    ("shape", "points"),
    [("[3, 2]", "0.3 0.3 0.45 0.45 0.4 0.4"), ("[2, 3]", "0.3 0.3 2 0 0 0"), ("[1, 2]", "-5 7"), ("[0, 0]", "")],
)
def test_the_box_of_pose_labels_is_used(shape: str, points: str, tmp_path: Path) -> None:
    found = scanned(tmp_path, [f"{BOX} {points}\n{BOX} {points}\n", BOX, ""], f"kpt_shape: {shape}")
    assert found.rows.tolist() == [[0, 0.375, 0.375, 0.25, 0.25]] * 2
    assert len(found.lengths) == 0
    said = [("key-points", None, f"columns 2 to 5 of each row, as kpt_shape: {shape} says")] if points else []
    assert told(found) == [*said, ("duplicate-row", 2, "repeats a row before it; used once")]


def test_rows_that_are_not_as_kpt_shape_says_are_refused(tmp_path: Path) -> None:
    found = scanned(
        tmp_path, [f"{BOX}\n{BOX} 0.1 0.1", f"{BOX} 0.1 0.1 0.2 0.2", "3 0.5 0.5 0.1 0.1 0 0 0"], "kpt_shape: [1, 3]"
    )
    assert told(found) == [
        ("columns", 2, "7 columns instead of the 5 or 8 columns that kpt_shape: [1, 3] states"),
        ("columns", 1, "9 columns instead of the 5 or 8 columns that kpt_shape: [1, 3] states"),
        ("class-range", 1, "class 3 is out of range; the data set has classes 0 to 0"),
    ]
    assert found.images == 0


@pytest.mark.parametrize("shape", ["3", "[3]", "[3, 4]", "[-1, 2]", "[a, 2]", "[1.5, 2]", "{a: 1}", "[true, 2]"])
def test_a_kpt_shape_that_is_none(shape: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.yaml: 'kpt_shape' must be \[key points, 2 or 3\], not "):
        scanned(tmp_path, [BOX], f"kpt_shape: {shape}")


@pytest.mark.parametrize("count", [1, 2, 17])
def test_key_points_with_visibility_are_named_where_nobody_states_them(count: int, tmp_path: Path) -> None:
    found = scanned(tmp_path, [BOX + " 0.3 0.4 2" + " 0.4 0.4 1" * (count - 1)])
    assert told(found) == [
        (
            "pose",
            1,
            f"pose labels? {5 + 3 * count} columns are a box and {count} key points x y visibility; "
            f"if so, kpt_shape: [{count}, 3] in the data.yaml says it",
        )
    ]


def pose_rows(count: int, points: int, seed: int = 0) -> np.ndarray:
    """Boxes with key points in them, as polygons: [count, points + 2, 2]."""
    draw = np.random.default_rng(seed)
    size = draw.uniform(0.1, 0.4, (count, 1, 2))
    centre = size / 2 + draw.uniform(0, 1, (count, 1, 2)) * (1 - size)
    marks = centre + size * draw.uniform(-0.5, 0.5, (count, points, 2))
    return np.concatenate([centre, size, marks], axis=1)


def polygons(count: int, points: int, seed: int = 0) -> np.ndarray:
    """Star-shaped outlines anywhere in the image: [count, points, 2]."""
    draw = np.random.default_rng(seed)
    angle = np.sort(draw.uniform(0, 2 * np.pi, (count, points)))[..., None]
    radius = draw.uniform(0.03, 0.2, (count, 1, 1)) * draw.uniform(0.6, 1, (count, points, 1))
    centre = draw.uniform(0.2, 0.8, (count, 1, 2))
    return centre + radius * np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)


def text(rows: np.ndarray) -> list[str]:
    return ["0 " + " ".join(f"{value:.6f}" for value in row.ravel()) for row in rows]


def test_rows_that_may_be_pose_labels_are_refused_until_somebody_says_what_they_are(tmp_path: Path) -> None:
    rows = pose_rows(8, 3)
    found = scanned(tmp_path, text(rows))
    (fault,) = [fault for fault in found.faults if fault.severity == "error"]
    assert fault == Fault(
        str(tmp_path),
        None,
        "train: each of the 8 rows has 11 columns that are as good a box with 3 key points as a polygon; say in the "
        "data.yaml kpt_shape: [3, 2], or kpt_shape: [0, 0] if they are polygons",
        "pose",
    )
    found = scanned(tmp_path, text(rows), "kpt_shape: [3, 2]")
    assert np.allclose(found.rows[:, 1:], rows[:, :2].reshape(8, 4), atol=1e-5)
    assert [fault.kind for fault in found.faults] == ["key-points"]
    found = scanned(tmp_path, text(rows), "kpt_shape: [0, 0]")
    assert np.allclose(found.rows[:, 3:], np.ptp(rows, axis=1), atol=1e-5)
    assert [fault.kind for fault in found.faults] == ["polygons"]


def test_polygons_are_not_taken_for_pose_labels() -> None:
    for seed in range(300):
        for points in (5, 6, 8, 12):
            rows = polygons(12, points, seed)
            assert fits_key_points(np.full(12, points), rows.reshape(-1, 2)) is None
    assert fits_key_points(np.full(8, 5), pose_rows(8, 3).reshape(-1, 2)) == (3, 2)
    assert fits_key_points(np.array([5] * 7 + [6]), np.zeros((41, 2))) is None


def test_four_corners_are_a_turned_box_unless_there_are_other_polygons(tmp_path: Path) -> None:
    corners, triangle = "0 0.5 0.25 0.75 0.5 0.5 0.75 0.25 0.5", "0 0.1 0.1 0.5 0.1 0.3 0.4"
    found = scanned(tmp_path / "a", [corners, corners + "\n" + corners.replace("0.75", "0.7")])
    assert found.rows[0].tolist() == [0, 0.5, 0.5, 0.5, 0.5]
    assert [(fault.kind, fault.count) for fault in found.faults] == [("turned-boxes", 3)]
    found = scanned(tmp_path / "b", [corners, triangle])
    assert [(fault.kind, fault.count) for fault in found.faults] == [("polygons", 2)]
