"""Weights with timm's names in the backbones that are built of timm's blocks. Downloads come from this machine."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from yolograft.common.errors import UserError
from yolograft.model.backbones import pretrained, published
from yolograft.model.backbones.effv1 import EffV1
from yolograft.model.detector import parts_params
from yolograft.model.features import Scale
from yolograft.model.weights import load_weights
from yolograft.upstream import downloads


@pytest.mark.parametrize(
    ("backbone", "options", "reference"),
    [
        ("effv1", {"variant": "b0", "width": 1.0, "depth": 1.0}, "efficientnet_b0"),
        ("effv1", {"variant": "b2", "width": 1.0, "depth": 1.0}, "efficientnet_b2"),
        ("effv2", {"variant": "s", "width": 1.0, "depth": 1.0}, "tf_efficientnetv2_s"),
        ("mbv3", {"variant": "large", "width": 1.0}, "mobilenetv3_large_100"),
        ("mbv3", {"variant": "small", "width": 1.0}, "mobilenetv3_small_100"),
    ],
)
def test_all_tensors_match_timm(build, tmp_path, backbone, options, reference):
    """Our blocks are timm's: the whole backbone is filled and gives timm's own maps, given its padding and eps.

    Images of 0…1 give those of the normalized image; the file's name says how it is normalized.
    """
    source = timm.create_model(reference, bn_eps=1e-3, pad_type="").eval()
    file = tmp_path / f"{reference}.pt"
    torch.save(source.state_dict(), file)
    part = build(backbone=backbone, **options, pretrained=str(file)).model[0].eval()
    size = len(part.body.state_dict())
    assert part.pretrained_from.startswith(f"{size} of the backbone's {size} tensors matched")
    image = torch.rand(1, 3, 64, 64)
    mean, std = (torch.tensor(source.default_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        expected = {
            stride: m
            for m in source.forward_intermediates((image - mean) / std, intermediates_only=True)
            for stride in (64 // m.shape[-1],)
        }
        p3, p4, p5 = part(image)
    torch.testing.assert_close(p3, expected[8], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(p4, expected[16], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(p5, expected[32], rtol=1e-5, atol=1e-5)


def test_a_scaled_backbone_takes_no_downloaded_weights(build):
    with pytest.raises(UserError, match=r"set backbone\.width=1 backbone\.depth=1, or take backbone=timm"):
        build(backbone="effv1", pretrained=True, scale="n")
    with pytest.raises(UserError, match=r"not width 0\.25: set backbone\.width=1, or"):
        build(backbone="mbv3", pretrained=True, scale="n")


@torch.no_grad()
def test_the_first_channels_of_wider_weights(build, tmp_path, caplog):
    source = timm.create_model("tf_efficientnet_b0")
    file = tmp_path / "tf_efficientnet_b0.aa_in1k.safetensors"
    save_file(source.state_dict(), file)
    with pytest.raises(UserError, match=r"backbone\.width=1 backbone\.depth=1 fits it, or the first channels of"):
        build(backbone="effv1", pretrained=str(file), scale="n")
    with pytest.raises(UserError, match="pretrained_slice=true needs pretrained"):
        build(backbone="effv1", pretrained_slice=True)
    with caplog.at_level("INFO"):
        part = build(backbone="effv1", pretrained=str(file), pretrained_slice=True, scale="n").model[0]
    own, theirs = part.body.state_dict(), source.state_dict()
    assert [r.message for r in caplog.records] == [f"pretrained: {part.pretrained_from}"]
    assert part.pretrained_from.startswith(f"{len(own)} of the backbone's {len(own)} tensors matched in '{file}', the ")
    std = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
    for name, value in own.items():
        expected = theirs[name][tuple(map(slice, value.shape))] / (std if name == "conv_stem.weight" else 1)
        assert torch.equal(value, expected), name


@pytest.mark.parametrize(
    ("backbone", "options", "asked"),
    [
        ("effv1", {"scale": "n"}, "tf_efficientnet_b0"),
        ("effv1", {"scale": "x"}, "tf_efficientnet_b5"),  # 1.5 times as wide as b0; b4 is 1.4
        ("effv2", {"scale": "s"}, "tf_efficientnetv2_s"),
        ("mbv3", {"scale": "s", "variant": "small"}, "tf_mobilenetv3_small_100"),
        ("effv2", {"scale": "x"}, None),
        ("mbv3", {"scale": "x"}, None),
    ],
)
def test_which_weights_are_sliced(build, monkeypatch, backbone, options, asked):
    def download(name):
        raise ValueError(f"asked for {name}.")

    monkeypatch.setattr(pretrained, "download", download)
    with pytest.raises(UserError, match=f"asked for {asked}\\." if asked else "no published weights are as large"):
        build(backbone=backbone, pretrained=True, pretrained_slice=True, **options)


def test_true_asks_timm_for_the_variant(build, monkeypatch):
    asked = []

    def create_model(name, *, pretrained):
        asked.append((name, pretrained))
        torch.rand(1)  # building it uses randomness, which must not shift ours
        return EffV1(whole, variant="b0").body

    whole = Scale("whole", 1.0, 1.0, 1024, False)
    monkeypatch.setattr(published.timm, "create_model", create_model)
    monkeypatch.setattr(published, "unreachable", lambda address: None)
    torch.manual_seed(0)
    model = build(backbone="effv1", pretrained=True, width=1, depth=1)
    assert asked == [("tf_efficientnet_b0", True)]
    after = torch.rand(1)
    torch.manual_seed(0)
    build(backbone="effv1", width=1, depth=1)
    assert torch.equal(torch.rand(1), after)
    assert parts_params(model)["backbone"] == 3_595_388


def test_a_failed_download_is_one_line(build, monkeypatch):
    def create_model(name, *, pretrained):
        raise OSError("no route to host\nmore")

    monkeypatch.setattr(published.timm, "create_model", create_model)
    monkeypatch.setattr(published, "unreachable", lambda address: None)
    with pytest.raises(UserError, match=r"no weights for timm's 'tf_efficientnet_b0' \(no route to host\)"):
        build(backbone="effv1", pretrained=True, width=1, depth=1)


def test_a_file_that_does_not_fit(build, tmp_path):
    save_file({"conv_stem.weight": torch.zeros(3, 3)}, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="only 0 of the backbone's"):
        build(backbone="effv1", pretrained=str(tmp_path / "w.safetensors"))
    with pytest.raises(UserError, match="no weights file"):
        build(backbone="effv1", pretrained=str(tmp_path / "none.pt"))
    torch.save({"model": torch.nn.Conv2d(1, 1, 1)}, tmp_path / "m.pt")
    with pytest.raises(UserError, match="holds more than tensors"):
        build(backbone="effv1", pretrained=str(tmp_path / "m.pt"))


@contextmanager
def hub(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """A hub on this machine that has one file for every name; yields its address and what was asked of it."""
    asked = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_response(200)
            for key, value in {"Content-Length": len(content), "ETag": '"one"', "X-Repo-Commit": "a" * 40}.items():
                self.send_header(key, str(value))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_weights_come_from_the_hub_once(build, tmp_path, monkeypatch):
    """timm's and huggingface_hub's own code downloads; the second time, without a network, the cache has them."""
    file = tmp_path / "w.safetensors"
    save_file(timm.create_model("resnet18").state_dict(), file)
    monkeypatch.setattr(published.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with hub(file.read_bytes()) as (address, asked):
        monkeypatch.setattr(published.constants, "ENDPOINT", address)  # as HF_ENDPOINT sets both
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(published.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        model = build(backbone="timm", model="resnet18", pretrained=True)
    assert any(request.startswith("GET /timm/resnet18.a1_in1k/resolve/") for request in asked)
    assert torch.equal(model.model[0].body.layer1[0].conv1.weight, load_file(file)["layer1.0.conv1.weight"])
    began = time.monotonic()
    again = build(backbone="timm", model="resnet18", pretrained=True)  # the hub is gone
    assert time.monotonic() - began < 10
    assert torch.equal(again.model[0].body.layer1[0].conv1.weight, load_file(file)["layer1.0.conv1.weight"])


def test_without_a_network_it_is_one_line_at_once(build, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(published.constants, "HF_HUB_CACHE", str(tmp_path))
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setattr(published.constants, "ENDPOINT", nobody)
    began = time.monotonic()
    with caplog.at_level("INFO"), pytest.raises(UserError) as refused:
        build(backbone="timm", model="resnet18", pretrained=True)
    assert time.monotonic() - began < 10  # 92 s, with 46 lines, before
    assert str(refused.value) == (
        f"backbone 'timm': pretrained=true: no weights for timm's 'resnet18' ({nobody} cannot be reached; is there a "
        f"network?); download them from {nobody}/timm/resnet18.a1_in1k and give the file: backbone.pretrained=FILE"
    )
    assert not caplog.records
    assert published.constants.HF_HUB_OFFLINE is False


def test_detectors_that_are_looked_for_early_are_published():
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    early = {name for name in GITHUB_ASSETS_NAMES if downloads._DETECTORS.fullmatch(name)}
    assert early == {f"{base}{s}.pt" for base in ("yolo11", "yolo12", "yolo26", "yolov8") for s in "nsmlx"} | {
        f"yolov10{s}.pt" for s in "nsmblx"
    }
    assert all(downloads.may_be_published(name) for name in GITHUB_ASSETS_NAMES if name.endswith(".pt"))
    assert not downloads.may_be_published("mine.pt")


def test_ultralytics_weights_are_downloaded_once(tmp_path, monkeypatch):
    content = b"PK" + bytes(200_000)
    monkeypatch.setattr(downloads, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(downloads, "_settings_file", lambda: tmp_path / "settings.json")
    with hub(content) as (address, asked):
        monkeypatch.setattr(downloads, "RELEASE", f"{address}/download")
        file = downloads.published_weights("yolo11n.pt")
        assert file is not None
        assert file == tmp_path / "weights" / "yolo11n.pt"
        assert file.read_bytes() == content
        assert "GET /download/yolo11n.pt" in asked
    assert downloads.published_weights("yolo11n.pt") == file  # the server is gone
    downloads.refuse_unreachable("yolo11n.pt")
    downloads.refuse_unreachable("mine.pt")
    with pytest.raises(UserError, match=rf"^yolo11s\.pt cannot be downloaded: .*; put .*/yolo11s\.pt into {tmp_path}"):
        downloads.refuse_unreachable("yolo11s.pt")
    assert downloads.published_weights("mine.pt") is None
    assert downloads.published_weights("../yolo11n.pt") is None
    with pytest.raises(UserError, match=rf"^yolo11s\.pt cannot be downloaded: .*; put .*/yolo11s\.pt into {tmp_path}"):
        load_weights("yolo11s.pt")
    kept = tmp_path / "kept by ultralytics"
    kept.mkdir()
    (kept / "yolo11n.pt").write_bytes(content)
    for settings, expected in {
        json.dumps({"weights_dir": str(kept)}): kept / "yolo11n.pt",
        json.dumps({"weights_dir": 5}): file,
        "[]": file,
        "{": file,
    }.items():
        (tmp_path / "settings.json").write_text(settings, encoding="utf-8")
        assert downloads.published_weights("yolo11n.pt") == expected
