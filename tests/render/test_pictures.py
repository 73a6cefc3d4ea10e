"""Pictures by what is in them: the drawn objects and the SVG, not the pixels."""

import re
import warnings
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from helpers.made_runs import FINISHED, WriteRun, made_run
from helpers.made_sweep import CLASSES, make_sweep
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import Comparison, compare
from yolograft.analysis.samples import saved
from yolograft.common.figures import Picture, own_style
from yolograft.render.pictures import curves, effects, matrices, scatter
from yolograft.render.pictures.draw import pictures
from yolograft.render.pictures.files import to_png, to_svg
from yolograft.render.pictures.inline import to_inline
from yolograft.runs.curves import read_columns

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two backbones × two necks × three seeds."""
    return make_sweep(tmp_path_factory.mktemp("pictures") / "made", backbones=("yolo11", "effv1"), epochs=5)


@pytest.fixture(scope="module")
def made(folder: Path) -> Comparison:
    return compare(collect([folder]))


@pytest.fixture(scope="module")
def drawn(made: Comparison) -> dict[str, Picture]:
    return {picture.name: picture for picture in pictures(made, saved(made))}


def axes_of(picture: Picture | None) -> Axes:
    assert picture is not None
    return picture.figure.axes[0]


def names_in(axes: Axes) -> dict[str, Annotation]:
    return {text.get_text(): text for text in axes.texts if isinstance(text, Annotation)}


def test_every_picture_is_drawn_and_the_same_every_time(drawn: dict[str, Picture], made: Comparison) -> None:
    assert list(drawn) == [
        "map_vs_params", "map_vs_gflops", "effects", "curves", "per_class", "confusion"
    ]  # fmt: skip
    again = {picture.name: picture for picture in pictures(made, saved(made))}
    for name, picture in drawn.items():
        assert to_svg(picture) == to_svg(again[name])
        assert to_png(picture).startswith(b"\x89PNG\r\n\x1a\n")


def test_drawing_leaves_nothing_behind(made: Comparison) -> None:
    before = dict(mpl.rcParams)
    assert len(list(pictures(made, ()))) == 5
    assert dict(mpl.rcParams) == before


def test_points_are_means_with_bars_of_their_standard_deviation(made: Comparison) -> None:
    axes = axes_of(scatter.draw(made, "params"))
    row = made.rows[0]
    summary = row.statistics["mAP50-95"]
    assert summary.sd is not None
    places = {line.get_gid(): line for line in axes.lines}
    point = places["point0"]
    assert (point.get_xdata(), point.get_ydata()) == ([row.variant.cost("params")], [summary.mean])
    bars = [np.asarray(line.get_ydata()).tolist() for line in axes.lines if line.get_marker() == "_"]
    assert [summary.mean - summary.sd, summary.mean + summary.sd] in bars
    assert len(bars) == len(made.rows)


def test_the_front_holds_what_no_cheaper_variant_beats(grid: Comparison) -> None:
    picture = scatter.draw(grid, "params")
    (front,) = (line for line in axes_of(picture).lines if line.get_gid() == "front")
    # Steps; not yolo11 + conv: its gsconv sister is smaller and better.
    assert np.asarray(front.get_ydata()).tolist() == [0.388, 0.388, 0.425, 0.425, 0.431, 0.431, 0.512]
    assert picture is not None
    assert "mbv3 + conv, effv1 + gsconv, effv1 + conv, yolo11 + gsconv." in picture.text


def test_every_variant_is_named_beside_its_point(grid: Comparison) -> None:
    names = names_in(axes_of(scatter.draw(grid, "params")))
    assert set(names) == {f"{backbone} + {neck}" for backbone, neck in FINISHED}
    assert names["effv1 + conv"].xy == (1_664_481, 0.431)


@pytest.mark.parametrize(("count", "named"), [(2, 2), (14, 12), (60, 4)])
def test_names_cover_neither_each_other_nor_points_and_axes_end_at_zero(count: int, named: int) -> None:
    draw = np.random.default_rng(count)
    runs = [
        made_run(float(0.01 + 0.02 * draw.random()), f"backbone-{n}", "conv", params=int(1000 + 90_000 * draw.random()))
        for n in range(count)
    ]
    axes = axes_of(scatter.draw(compare(runs), "params"))
    assert axes.get_xlim()[0] >= 0
    assert axes.get_ylim()[0] >= 0
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    assert isinstance(figure.canvas, FigureCanvasAgg)
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    names = names_in(axes)
    assert len(names) >= named
    boxes = [Text.get_window_extent(text, renderer) for text in names.values()]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    inside = axes.get_window_extent(renderer)
    assert all(box.x0 >= inside.x0 - 1 and box.x1 <= inside.x1 + 1 for box in boxes)
    points = [axes.transData.transform((run.costs["params"], run.metrics["mAP50-95"])) for run in runs]
    small = [Bbox.from_bounds(x - 2, y - 2, 4, 4) for x, y in points]
    assert not [box for box in boxes for point in small if box.overlaps(point)]


def test_a_cost_that_no_run_tells_is_not_drawn(grid: Comparison) -> None:
    assert [picture.name for picture in pictures(compare([]), ())] == []


def test_a_single_run_is_drawn(tmp_path: Path, write_run: WriteRun) -> None:
    comparison = compare(collect([write_run(tmp_path / "only")]))
    assert [picture.name for picture in pictures(comparison, ())] == ["map_vs_params", "map_vs_gflops"]


def test_parameters_are_logarithmic_where_they_differ_tenfold() -> None:
    runs = [made_run(0.3, "a", params=1_000_000), made_run(0.4, "b", params=11_000_000)]
    assert axes_of(scatter.draw(compare(runs), "params")).get_xscale() == "log"
    runs = [made_run(0.3, "a", params=1_000_000), made_run(0.4, "b", params=9_000_000)]
    assert axes_of(scatter.draw(compare(runs), "params")).get_xscale() == "linear"


def test_effects_stand_at_their_values_with_their_intervals(made: Comparison) -> None:
    axes = axes_of(effects.draw(made))
    lines = {line.get_gid(): line for line in axes.lines}
    effect = made.effects.main[0]
    assert lines["effect0"].get_xdata() == [effect.value]
    spans = [tuple(np.asarray(line.get_xdata()).tolist()) for line in axes.lines]
    assert (effect.low, effect.high) in spans
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["backbone", "effv1", "yolo11", "neck", "conv", "gsconv"]


def test_curves_are_means_over_seeds_up_to_the_epoch_that_all_reached(tmp_path: Path, write_run: WriteRun) -> None:
    for seed, values in enumerate(([0.1, 0.3, 0.5], [0.2, 0.4])):
        run = write_run(tmp_path / f"seed{seed}", seed=seed)
        rows = [f"{epoch},{value},1,2,0.5" for epoch, value in enumerate(values, start=1)]
        text = "\n".join(["epoch,metrics/mAP50-95,train/box_loss,train/cls_loss,val/box_loss", *rows])
        (run / "metrics.csv").write_text(text + "\n", encoding="utf-8")
    picture = curves.draw(compare(collect([tmp_path])))
    assert picture is not None
    metric, training, validation = picture.figure.axes
    (line,) = metric.lines
    assert np.asarray(line.get_xdata()).tolist() == [1, 2]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx([0.15, 0.35])
    (band,) = metric.collections
    assert np.asarray(band.get_paths()[0].vertices)[:, 1].max() == pytest.approx(0.35 + 0.1 / 2**0.5)
    assert np.asarray(training.lines[0].get_ydata()).tolist() == [3, 3]
    assert np.asarray(validation.lines[0].get_ydata()).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("text", ["", "epoch\n", "epoch,metrics/mAP50-95\n1,0.2\nx,0.3\n", "\x00", "epoch,val/a\n1\n"])
def test_curves_that_are_cut_off_or_damaged_give_what_they_have(tmp_path: Path, text: str) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text(text, encoding="utf-8")
    assert read_columns(file) == ({"metrics/mAP50-95": {1: 0.2}} if "0.2" in text else {})
    assert read_columns(tmp_path / "none.csv") == {}


def test_each_class_of_each_variant_has_a_cell_with_its_mean(made: Comparison, drawn: dict[str, Picture]) -> None:
    picture = drawn["per_class"]
    row = made.rows[0]
    mean = np.mean([run.per_class[CLASSES[1]]["mAP50-95"] for run in row.variant.runs])
    assert picture.tips["ap0-1"] == f"{row.variant.label} (baseline): mAP50-95 of {CLASSES[1]} {mean:.3f}"
    assert len(picture.tips) == len(made.rows) * len(CLASSES)


def test_confusions_are_added_up_over_seeds(made: Comparison, drawn: dict[str, Picture]) -> None:
    row, kept = saved(made)[0]
    assert row.baseline
    counts = np.sum([one.confusion for one in kept], axis=0)
    share = counts[1, 0] / counts[:, 0].sum()
    tip = drawn["confusion"].tips["confusion0-0-1"]
    assert tip == f"{row.variant.label}: {CLASSES[0]} found as {CLASSES[1]}: {counts[1, 0]:.0f} ({share:.0%})"
    assert drawn["confusion"].tips["confusion0-0-3"].startswith(f"{row.variant.label}: {CLASSES[0]} missed: ")


def test_of_many_classes_those_with_the_most_mistakes_are_drawn(tmp_path: Path) -> None:
    classes = [f"class {number}" for number in range(80)]
    folder = make_sweep(tmp_path / "coco", backbones=("yolo11",), seeds=1, epochs=2, classes=classes)
    comparison = compare(collect([folder]))
    with own_style():
        picture = matrices.confusion(comparison, saved(comparison))
    assert picture is not None
    assert "the 20 classes of 80 with the most mistakes" in picture.text
    labels = [label.get_text() for label in picture.figure.axes[0].get_yticklabels()]
    assert len(labels) == 21
    assert labels[-1] == "background"


def test_on_the_page_a_picture_has_the_pages_colours_and_says_its_numbers(drawn: dict[str, Picture]) -> None:
    ids: list[str] = []
    for picture in drawn.values():
        svg = to_inline(picture, to_svg(picture))
        root = ET.fromstring(svg.replace("<svg ", f"<svg {NAMESPACES} ", 1))
        own = "{http://www.w3.org/2000/svg}"
        said = {part.findtext(f"{own}title") for part in root.iter() if part.get("class") == "tip"}
        assert said == set(picture.tips.values())
        assert "var(--ink)" in svg
        assert not re.findall("#1b1f24|#0072b2|#ffffff", svg)
        assert "DejaVu" not in svg
        held = set(filter(None, (element.get("id") for element in root.iter())))
        assert set(re.findall(r'(?:url\(|href=")#([\w-]+)', svg)) == held
        ids += held
    assert len(ids) == len(set(ids))


def test_names_of_any_kind_stay_text(tmp_path: Path) -> None:
    classes = ["$x_1$", "<b>&amp;</b>", "белок", "白血球"]
    folder = make_sweep(tmp_path / "names", backbones=("yolo11",), seeds=1, epochs=2, classes=classes)
    comparison = compare(collect([folder]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {picture.name: picture for picture in pictures(comparison, saved(comparison))}
        for picture in found.values():
            to_png(picture)
    text = "".join(ET.fromstring(to_svg(found["per_class"])).itertext())
    assert all(name in text for name in classes)
