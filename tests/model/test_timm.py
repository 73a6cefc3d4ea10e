"""The backbone that takes any timm model."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from yolograft.common.errors import UserError
from yolograft.model.detector import parts_params

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


@pytest.mark.parametrize("model", ["resnet18", "convnext_atto", "mobilenetv4_conv_small"])
def test_weights_from_a_file(build, tmp_path, model):
    source = timm.create_model(model).eval()
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    backbone = build(backbone="timm", model=model, pretrained=str(tmp_path / "w.safetensors")).model[0].eval()
    size = len(backbone.body.state_dict())
    assert backbone.pretrained_from.startswith(f"{size} of the backbone's {size} tensors matched in")
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(backbone(image)[-1], source.forward_intermediates(image, intermediates_only=True)[-1])


def test_building_without_gradients(build):
    """As when a model is loaded in order to predict."""
    with torch.inference_mode():
        assert len(build(backbone="timm").levels) == 3


def test_timm_keeps_its_own_normalisation(build):
    norms = [m for m in build(backbone="timm").model[0].modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {m.eps for m in norms} == {1e-5}
