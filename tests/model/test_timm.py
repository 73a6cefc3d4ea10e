"""The backbone that takes any timm model."""

from copy import deepcopy
from pathlib import Path

import pytest
import timm
import timm.data
import torch
from PIL import Image
from safetensors.torch import save_file
from ultralytics.utils import ASSETS

from yolograft.common.errors import UserError
from yolograft.model.detector import parts_params
from yolograft.model.weights import load_detector, save_detector
from yolograft.training.freezing import freeze_modules, hold_statistics

MODELS = [
    "resnet18",
    "mobilenetv4_conv_small",
    "convnext_atto",
    "efficientnet_lite0",
    "regnetx_002",
    "fastvit_t8",
    pytest.param("swin_tiny_patch4_window7_224", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("model", MODELS)
def test_families(build, model):
    """Every weight learns, sizes of image vary, nothing of the classifier is left."""
    detector = build(backbone="timm", model=model, nc=2)
    for height, width in ((64, 96), (128, 64)):
        maps = detector.model[0](torch.rand(2, 3, height, width))
        wanted = [(2, f.channels, height // f.stride, width // f.stride) for f in detector.levels]
        assert [tuple(m.shape) for m in maps] == wanted
    out = detector(torch.rand(2, 3, 64, 96))
    (out["boxes"].sum() + out["scores"].sum()).backward()
    assert [n for n, p in detector.named_parameters() if p.grad is None] == ["model.head.dfl.conv.weight"]
    assert parts_params(detector)["backbone"] < sum(p.numel() for p in timm.create_model(model).parameters())


def test_swin_on_the_meta_device(build):
    """Window attention gives [B, H, W, C]; the fast check of its layout, shapes only (really run in the slow suite)."""
    with torch.device("meta"):
        detector = build(backbone="timm", model="swin_tiny_patch4_window7_224", nc=2)
        maps = detector.model[0](torch.rand(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 192, 8, 12), (1, 384, 4, 6), (1, 768, 2, 3)]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("vit_tiny_patch16_224", "has maps at strides 16; a detector needs 8, 16 and 32"),
        ("maxvit_tiny_tf_224", "does not take images of any size"),
        ("hrnet_w18_small", "weights that no level uses"),
        ("resnet81", "timm has no model 'resnet81'; nearest: resnet18"),
        ("hf-hub:someone/something", "timm has no model 'hf-hub:someone/something'"),
    ],
)
def test_refused(build, model, message):
    with pytest.raises(UserError, match=message) as error:
        build(backbone="timm", model=model)
    assert str(error.value).startswith("backbone 'timm': ")
    assert "\n" not in str(error.value)


def test_a_batch_norm_over_one_value(build):
    """resnest's attention has one on 1×1 maps: no statistic of one image, but two images train."""
    detector = build(backbone="timm", model="resnest14d", nc=2)
    assert [f.channels for f in detector.levels] == [512, 1024, 2048]
    assert detector.train()(torch.rand(2, 3, 64, 64))["scores"].shape == (2, 2, 84)
    assert detector.eval()(torch.rand(1, 3, 64, 64))[0].shape == (1, 6, 84)


# nf_regnet_b0 standardizes its first weights, tf_efficientnet_lite0 pads to one side, convnext_atto does not pad.
@pytest.mark.parametrize(
    "model", ["resnet18", "convnext_atto", "mobilenetv4_conv_small", "tf_efficientnet_lite0", "nf_regnet_b0"]
)
@torch.no_grad()
def test_weights_from_a_file(build, tmp_path, model):
    """Images of 0…1 give timm's own maps of the normalized image, along the border too, with frozen norms as well."""
    source = timm.create_model(model).eval()
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    detector = build(backbone="timm", model=model, pretrained=str(tmp_path / "w.safetensors"))
    backbone = detector.model[0].eval()
    size = len(backbone.body.state_dict())
    assert backbone.pretrained_from.startswith(f"{size} of the backbone's {size} tensors matched in")
    image = torch.rand(1, 3, 64, 96)
    mean, std = (torch.tensor(source.default_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    assert (backbone.std is None) == (model != "nf_regnet_b0")  # elsewhere the first convolution holds it
    expected = source.forward_intermediates((image - mean) / std, intermediates_only=True)[-3:]
    assert_same_maps(backbone(image), expected)
    hold_statistics(freeze_modules(detector.train(), ["backbone"]))
    assert_same_maps(backbone(image), expected)


def assert_same_maps(maps, expected):
    for ours, theirs in zip(maps, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


@torch.no_grad()
def test_a_file_brings_its_normalization(build, tmp_path):
    """A detector's file is loaded without timm's; one of before there was a normalization loads without one."""
    save_file(timm.create_model("resnet18").state_dict(), tmp_path / "w.safetensors")
    options = {"backbone": "timm", "model": "resnet18", "pretrained": str(tmp_path / "w.safetensors"), "nc": 2}
    detector = build(**options).eval()
    save_detector(detector, tmp_path / "new.safetensors")
    before = deepcopy(detector)
    before.model[0].mean = None
    save_detector(before, tmp_path / "old.safetensors")
    again = build(**options).eval()
    again.load_state_dict(before.state_dict())  # as a training that was stopped goes on
    (tmp_path / "w.safetensors").unlink()
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(load_detector(tmp_path / "new.safetensors")[0](image)[0], detector(image)[0])
    assert torch.equal(load_detector(tmp_path / "old.safetensors")[0](image)[0], before(image)[0])
    assert torch.equal(again(image)[0], before(image)[0])
    assert not torch.equal(before(image)[0], detector(image)[0])
    content = detector.state_dict() | {"model.backbone.mean": torch.zeros(1, 64, 1, 1)}
    with pytest.raises(RuntimeError, match=r"backbone\.mean"):
        detector.load_state_dict(content)


WEIGHTS = Path(__file__).parents[3] / "shared" / "weights" / "tf_efficientnet_lite0.safetensors"


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="real ImageNet weights are not in the project: ../shared/weights")
@torch.no_grad()
def test_a_bus_is_a_bus(build):
    """ultralytics' photograph of a bus, through our backbone and timm's classifier: ImageNet's class 654, minibus."""
    source = timm.create_model("tf_efficientnet_lite0", checkpoint_path=str(WEIGHTS)).eval()
    backbone = build(backbone="timm", model="tf_efficientnet_lite0", pretrained=str(WEIGHTS)).model[0].eval()
    settings = timm.data.resolve_data_config({}, model=source) | {"mean": (0, 0, 0), "std": (1, 1, 1)}
    image = timm.data.create_transform(**settings)(Image.open(ASSETS / "bus.jpg").convert("RGB"))[None]
    assert (float(image.min()), float(image.max())) == pytest.approx((0, 1), abs=0.1)
    scores = source.forward_head(source.bn2(source.conv_head(backbone(image)[-1]))).softmax(1)[0]
    assert scores.argmax() == 654
    assert scores[654] > 0.5


def test_building_without_gradients(build):
    """As when a model is loaded in order to predict."""
    with torch.inference_mode():
        assert len(build(backbone="timm").levels) == 3


def test_timm_keeps_its_own_normalisation(build):
    norms = [m for m in build(backbone="timm").model[0].modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {m.eps for m in norms} == {1e-5}
