"""A last batch of one image: refused before the training where it would end it, and only there."""

import pytest
import torch

from helpers.training import Build, Train
from yolograft.common.errors import UserError
from yolograft.model.detector import Detector
from yolograft.training.last_batch import refuse_single_image


@pytest.fixture
def model(build: Build) -> Detector:
    torch.manual_seed(0)
    return build(scale="n", nc=2)


@pytest.mark.parametrize(
    ("images", "batch", "imgsz", "advice"),
    [
        (5, 4, 32, "take batch=5 or imgsz=64"),
        (3, 1, 32, "take batch=3 or imgsz=64"),
        (1, 16, 32, "take imgsz=64"),
    ],
)
def test_one_image_on_1x1_is_refused_with_advice_that_works(
    model: Detector, images: int, batch: int, imgsz: int, advice: str
) -> None:
    with pytest.raises(UserError, match=rf"last batch of the {images} images has one.*at imgsz=32; {advice}$"):
        refuse_single_image(model, [], images, batch, imgsz)
    for setting in advice.removeprefix("take ").split(" or "):
        key, value = setting.split("=")
        refuse_single_image(model, [], images, **{"batch": batch, "imgsz": imgsz, key: int(value)})


def test_what_can_be_trained_is_left_alone(model: Detector) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random_numbers = torch.get_rng_state()
    refuse_single_image(model, [], images=5, batch=4, imgsz=64)  # P5 is 2x2
    refuse_single_image(model, [], images=6, batch=4, imgsz=32)  # the last batch has two
    assert torch.equal(torch.get_rng_state(), random_numbers)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_attention_over_a_whole_image_is_refused_at_any_size(build: Build) -> None:
    """resnest14d has batch norms on 1x1 maps: another batch is the only advice."""
    model = build(backbone="timm", model="resnest14d", scale="n", nc=2)
    with pytest.raises(UserError, match=r"at imgsz=64; take batch=5$"):
        refuse_single_image(model, [], images=5, batch=4, imgsz=64)
    refuse_single_image(model, ["backbone"], images=5, batch=4, imgsz=64)  # frozen, it takes no statistics


def test_a_run_is_refused_before_it_begins(run: Train) -> None:
    with pytest.raises(UserError, match=r"batch=4: the last batch of the 5 images has one"):
        run("dataset.train=5", "imgsz=32", "epochs=1")
