"""What is computed of a detector's insides: maps, fields, hits and misses."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from helpers.models import build_variant
from yolograft.common.errors import UserError
from yolograft.evaluation.visualize.maps import Tapped, eigen_cams, features, grad_cam, receptive_fields
from yolograft.evaluation.visualize.matching import match
from yolograft.evaluation.visualize.scenes import Scene, scenes_of
from yolograft.evaluation.visualize.views import Viewer
from yolograft.model.fold import fold
from yolograft.runs.predictions import Box


@pytest.fixture(scope="module")
def detector():
    torch.manual_seed(0)
    return build_variant(nc=3).eval()


@pytest.fixture(scope="module")
def model(detector):
    return Tapped(fold(detector)).eval()


@pytest.fixture
def image():
    return torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_the_tapped_detector_answers_as_the_detector(detector, model, image):
    torch.testing.assert_close(model(image), detector(image)[0], rtol=1e-5, atol=1e-3)
    assert model.levels == ("P3", "P4", "P5")
    assert [tuple(m.shape[2:]) for m in model.maps(image)] == [(12, 16), (6, 8), (3, 4)]


def test_grad_cam_is_of_the_level_that_gives_the_surest_answer(model, image):
    with torch.no_grad():
        scores = model(image)[0, 4:]
    label, anchor = divmod(int(scores.argmax()), scores.shape[1])
    found = grad_cam(model, image)
    assert found is not None
    ends = np.cumsum([12 * 16, 6 * 8, 3 * 4])
    assert found.level == model.levels[int(np.searchsorted(ends, anchor, side="right"))]
    assert (found.label, found.confidence) == (label, pytest.approx(scores.max().item(), rel=1e-3))
    assert found.heat.shape == (96, 128)
    assert 0 <= found.heat.min() <= found.heat.max() <= 1
    assert found.heat.std() > 0
    assert not any(tap._forward_hooks for tap in model.taps)


def test_eigen_cam_finds_what_stands_out_whichever_its_sign():
    active = torch.zeros(1, 4, 6, 6)
    active[:, :, 1:3, 3:5] = 5.0
    noise = 0.01 * torch.rand(active.shape, generator=torch.Generator().manual_seed(0))
    for sign in (1, -1):
        (heat,) = eigen_cams([sign * active + noise])
        assert heat[1:3, 3:5].min() > 0.95
        assert heat[active[0, 0].numpy() == 0].max() < 0.05


def test_features_are_the_channels_that_vary_most():
    maps = torch.rand(1, 20, 5, 5, generator=torch.Generator().manual_seed(0)) * 0.1
    maps[0, 7] *= 50
    (found,) = features([maps])
    assert found.shape == (16, 5, 5)
    assert (found.min(), found.max()) == (0, 1)
    flat = maps[0, 7].numpy()
    np.testing.assert_allclose(found[0], (flat - flat.min()) / (flat.max() - flat.min()), rtol=1e-5)


def test_a_receptive_field_is_where_the_middle_looks():
    class Blur(torch.nn.Module):
        levels = ("P3",)

        def maps(self, image):
            kernel = torch.ones(1, 3, 5, 5)
            return [torch.nn.functional.conv2d(image, kernel, padding=2)]

    (field,) = receptive_fields(Blur(), [torch.rand(1, 3, 32, 32)])  # type: ignore[arg-type]
    expected = np.zeros((32, 32))
    expected[14:19, 14:19] = 1
    np.testing.assert_array_equal(field.heat, expected)
    assert field.sides == (4, 6)


def test_deeper_levels_see_more(model):
    fields = receptive_fields(model, [torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))])
    halves = [field.sides[0] for field in fields]
    assert halves == sorted(halves)
    assert halves[0] < halves[-1]
    assert all(field.sides[0] <= field.sides[1] <= 160 for field in fields)


def box(label, left, top, right, bottom, confidence=None):
    return Box(label, (left, top, right, bottom), confidence)


def test_hits_and_misses_by_hand():
    truth = [box(0, 0, 0, 0.5, 0.5), box(1, 0.5, 0.5, 1, 1), box(0, 0.8, 0, 1, 0.2)]
    good, double = box(0, 0, 0, 0.5, 0.45, 0.9), box(0, 0, 0, 0.5, 0.5, 0.6)
    other_class, far = box(0, 0.5, 0.5, 1, 1, 0.8), box(1, 0, 0, 0.1, 0.1, 0.3)
    found = match([far, double, other_class, good], truth)
    assert found.right == (good,)
    assert found.wrong == (other_class, double, far)
    assert found.missed == (truth[1], truth[2])
    assert match([], []).missed == ()


def test_labels_of_another_order_are_compared_by_name(detector, image):
    pixels = (image[0].permute(1, 2, 0) * 255).byte().numpy()
    first = Viewer("a", detector, torch.device("cpu"), ["0", "1", "2"]).look(Scene("x", pixels), 0.0)
    turned = Viewer("a", detector, torch.device("cpu"), ["2", "0", "1"]).look(Scene("x", pixels), 0.0)
    places = {0: 1, 1: 2, 2: 0}
    assert [b.label for b in turned.found] == [places[b.label] for b in first.found]
    with pytest.raises(UserError, match="run=a: was trained on 0, 1, 2, not on cat"):
        Viewer("a", detector, torch.device("cpu"), ["cat"])


def test_sources(tmp_path: Path):
    for name in ("图.png", "b.png", "c.png"):
        Image.new("RGB", (100, 50), "red").save(tmp_path / name)
    (tmp_path / "a-damaged.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (tmp_path / "notes.txt").write_text("no image")
    scenes, faults = scenes_of([str(tmp_path)], 9, 96, 32)
    assert [scene.name for scene in scenes] == ["b.png", "c.png", "图.png"]
    assert [scene.image.shape for scene in scenes] == [(64, 96, 3)] * 3
    assert scenes[0].image[32, 48].tolist() == [255, 0, 0]
    assert len(faults) == 1
    assert "a-damaged.jpg" in faults[0]
    assert len(scenes_of([str(tmp_path / "*.png")], 2, 96, 32)[0]) == 2
    video = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 32))
    for _ in range(4):
        video.write(np.zeros((32, 64, 3), np.uint8))
    video.release()
    scenes, _ = scenes_of([str(tmp_path / "v.avi"), str(tmp_path / "b.png")], 3, 96, 32)
    assert [scene.name for scene in scenes] == ["v-1", "v-2", "v-3"]  # the first frames
    for source, said in ((tmp_path / "no.png", "does not exist"), (tmp_path / "notes.txt", "notes.txt")):
        with pytest.raises(UserError, match=said):
            scenes_of([str(source)], 2, 96, 32)
