"""`yolograft visualize`: its files, its page in a browser, and what it refuses."""

import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from helpers.browser import CHROMIUM, open_browser, open_page
from helpers.models import make_spec
from yolograft.cli.main import main
from yolograft.model.detector import build_detector
from yolograft.model.weights import save_detector

SHAPES = {
    "_target_": "yolograft.data.sources.shapes.shapes",
    "train": 4,
    "val": 4,
    "size": 64,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs on generated shapes, as far as their weights say."""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    made = []
    for backbone in ("yolo11", "effv1"):
        spec = make_spec(backbone=backbone, nc=4)
        model = build_detector(spec)
        model.names = dict(enumerate(("circle", "square", "triangle", "star")))
        model.spec = type(spec)(**{**vars(spec), "names": model.names})
        run = folder / f"{backbone} & <b>"
        extra = {"imgsz": 64, "config": {"dataset": SHAPES}}
        save_detector(model, run / "checkpoints" / "best.safetensors", extra)
        made.append(run)
    return made


def test_pictures_and_page(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shown"
    assert main(["visualize", *map(str, runs), "images=2", "device=cpu", "conf=0.0", f"out={out}"]) == 0
    page = out / "visualize.html"
    assert capsys.readouterr().out.strip() == str(page)
    pictures = sorted(file.name for file in out.glob("*.png"))
    assert len(pictures) == 3
    assert "receptive_fields.png" in pictures
    for name in pictures:
        with Image.open(out / name) as picture:
            panels = 3 if name == "receptive_fields.png" else 8
            assert picture.width == 8 + panels * 328
    text = page.read_text(encoding="utf-8")
    assert text.count("<figure>") == 2 * 3 + 2 * 2 * 8
    assert "effv1 &amp; &lt;b&gt;" in text
    assert " missed</span>" in text
    assert "http" not in text.replace("http-equiv", "")

    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with open_browser() as browser, open_page(browser) as opened:
        for width in (1280, 390):
            opened.look(width, dark=width == 390)
            opened.open(page)
            assert opened.run("document.documentElement.scrollWidth") <= width
            assert opened.run("[...document.images].every(i => { i.loading = 'eager'; return i.alt !== ''; })")
            assert opened.run("Promise.all([...document.images].map(i => i.decode())).then(all => all.length)") == 38
        assert opened.complaints == []
        assert all(request.startswith(("file:", "data:")) for request in opened.requests)


def test_a_persons_own_images(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("图 1.png", "图 1.jpg"):
        Image.new("RGB", (60, 40), "blue").save(tmp_path / name)
    (tmp_path / "damaged.png").write_bytes(b"nothing")
    assert main(["visualize", f"run='{runs[0]}'", f"source={tmp_path}", "device=cpu"]) == 0
    out = runs[0] / "visualize"
    assert "damaged.png" in capsys.readouterr().err
    assert {file.name for file in out.iterdir()} == {
        "图_1.png",
        "图_1-2.png",
        "receptive_fields.png",
        "visualize.html",
    }
    assert "missed" not in (out / "visualize.html").read_text(encoding="utf-8").split("</details>")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "run"),
        (("run=no/such",), "run=no/such: there is no"),
        (("run=[]",), "name at least one"),
        (("images=0",), "images"),
        (("conf=2",), "conf"),
        (("imgsz=100",), "imgsz"),
        (("source=no/such.jpg",), "source=no/such.jpg: does not exist"),
        (("device=mps",), "mps"),
    ],
    ids=str,
)
def test_refusals(arguments: tuple[str, ...], said: str, runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    run = () if not arguments or arguments[0].startswith("run=") else (f"run='{runs[0]}'",)
    assert main(["visualize", *run, *arguments]) == 2
    line = capsys.readouterr().err.strip()
    assert said in line
    assert len(line.splitlines()) == 1


def test_a_missing_package_is_named_with_its_extra(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "pytorch_grad_cam"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    assert main(["visualize", f"run='{runs[0]}'", "images=1", "device=cpu", f"out={tmp_path}"]) == 2
    assert "pip install 'yolograft[visualize]'" in capsys.readouterr().err
