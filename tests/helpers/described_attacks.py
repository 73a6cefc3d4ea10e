"""Small good models that describe themselves as something else, for `val run=FILE`.

Each is made by a function, and comes with a pattern that is to be found in the refusal.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from helpers.pickled_attacks import Attack
from yolograft.model.detector import ModelSpec, build_detector

PARTS: dict[str, dict[str, Any]] = {
    "backbone": {"_target_": "yolograft.model.backbones.yolo11.YOLO11"},
    "context": {"_target_": "yolograft.model.contexts.sppf_c2psa.SPPFC2PSA", "kernel": 5, "repeats": 2},
    "neck": {"_target_": "yolograft.model.necks.conv.ConvNeck"},
    "head": {"_target_": "yolograft.model.heads.detect.detect"},
}
SCALE = {"name": "n", "depth": 0.5, "width": 0.25, "max_channels": 64, "c3k": False}
LOSS = {"_target_": "yolograft.model.losses.ciou.CIoULoss"}
SPEC: dict[str, Any] = {"parts": PARTS, "scale": SCALE, "nc": 2, "names": {"0": "a", "1": "b"}, "loss": LOSS}
SHAPES = {"_target_": "yolograft.data.sources.shapes.shapes", "train": 2, "val": 2, "size": 64}
EXTRA: dict[str, Any] = {"config": {"dataset": SHAPES}, "imgsz": 64}
EV1 = {"_target_": "yolograft.model.backbones.effv1.EffV1"}


def part(group: str, **options: Any) -> dict[str, Any]:
    return {**SPEC, "parts": {**PARTS, group: {**PARTS[group], **options}}}


def scale(**values: Any) -> dict[str, Any]:
    return {**SPEC, "scale": {**SCALE, **values}}


def data(target: Any, **options: Any) -> dict[str, Any]:
    return {**EXTRA, "config": {"dataset": {"_target_": target, **options}}}


def descriptions() -> dict[str, Attack]:
    """Return attacks on `val run=FILE.safetensors`: a small good model that describes itself as something else."""
    model = build_detector(ModelSpec.from_json(json.dumps(SPEC)))
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    larger, other, foreign = "far larger than its own", "do not fit its own description", "is no layer, loss or builder"
    no_spec = "not a model's description"

    specs: dict[str, tuple[Any, str]] = {
        "width": (scale(width=40), other),
        "widest": (scale(width=64, max_channels=65536), other),
        "width_beyond": (scale(width=1e9), "scale.width"),
        "width_nan": (scale(width=float("nan")), "scale.width"),
        "width_text": (scale(width="1"), "scale.width"),
        "depth_1e5": (scale(depth=1e5), "scale.depth"),
        "depth_64": (scale(depth=64), f"{larger}|{other}"),
        "max_channels": (scale(max_channels=10**9), "scale.max_channels"),
        "repeats_1e9": (part("context", repeats=10**9), "context.repeats is beyond"),
        "repeats_60000": (part("context", repeats=60_000), larger),
        "kernel_1e9": (part("context", kernel=10**9 + 1), "context.kernel is beyond"),
        "efficient_depth": (part("backbone", **EV1, depth=60_000), "at most 64"),
        "efficient_largest": (part("backbone", **EV1, variant="l2", depth=64, width=64), larger),
        "efficient_text": (part("backbone", **EV1, width="x"), "cannot be built: TypeError"),
        "huge_timm": (
            part("backbone", _target_="yolograft.model.backbones.timm.Timm", model="convnext_xxlarge"),
            f"{larger}|{other}",
        ),
        "timm_download": (
            part("backbone", _target_="yolograft.model.backbones.timm.Timm", model="hf-hub:someone/something"),
            "timm has no model",
        ),
        "timm_folder": (
            part("backbone", _target_="yolograft.model.backbones.timm.Timm", model="local-dir:/tmp"),
            "timm has no model",
        ),
        "timm_pretrained": (
            part("backbone", _target_="yolograft.model.backbones.timm.Timm", model="resnet18", pretrained="/dev/zero"),
            other,
        ),
        "nc_1e9": ({**SPEC, "nc": 10**9, "names": {}}, "nc is not"),
        "nc_65536": ({**SPEC, "nc": 65_536, "names": {}}, other),
        "nc_text": ({**SPEC, "nc": "2"}, "nc is not"),
        "names_of_others": ({**SPEC, "names": {"0": "a", "7": "b"}}, "names are not"),
        "names_text": ({**SPEC, "names": "ab"}, no_spec),
        "parts_list": ({**SPEC, "parts": [1]}, no_spec),
        "parts_none": ({**SPEC, "parts": None}, no_spec),
        "parts_more": ({**SPEC, "parts": {**PARTS, "tail": {}}}, "tail is no part"),
        "part_text": ({**SPEC, "parts": {**PARTS, "neck": "os.system"}}, "neck is no part"),
        "target_missing": ({**SPEC, "parts": {**PARTS, "neck": {}}}, "neck: no _target_"),
        "target_list": (part("neck", _target_=["os", "system"]), "not from"),
        "scale_none": ({**SPEC, "scale": None}, no_spec),
        "scale_more": (scale(more=1), "scale: needs"),
        "loss_none": ({**SPEC, "loss": None}, "loss is no part"),
        "unknown_key": ({**SPEC, "more": 1}, no_spec),
        "spec_null": (None, no_spec),
        "spec_nested": ("[" * 100_000, "nested too deep"),
        "spec_no_json": ("{", "damaged"),
        "bifpn_60000": (part("neck", _target_="yolograft.model.necks.bifpn.BiFPN", repeats=60_000), larger),
        "afpn_60000": (part("neck", _target_="yolograft.model.necks.afpn.AFPN", repeats=60_000), larger),
        "hsfpn_wide": (part("neck", _target_="yolograft.model.necks.hsfpn.HSFPN", width=65_536), other),
        "neck_block": (part("neck", block="os.system"), "neck.block=os.system: must be one of"),
        "neck_block_list": (part("neck", block=["c3k2"]), "must be one of"),
        "neck_kernel": (part("neck", down="gsconv", gs_kernel=65_535), "must be an odd number up to 17"),
        "neck_kernel_text": (part("neck", down="gsconv", gs_kernel="x"), "cannot be built: TypeError"),
        "neck_other": (part("neck", inner="dcnv2", up="carafe", fuse="sdi"), other),
        "backbone_conv": (part("backbone", conv="gs"), "conv=gs: must be one of"),
        "levels_other": ({**SPEC, "levels": ["P2", "P3", "P4", "P5"]}, other),
        "levels_unknown": ({**SPEC, "levels": ["P9"] * 10**6}, "levels=.P9,P9,.{60,200}$|must be neighbours"),
        "levels_number": ({**SPEC, "levels": 5}, no_spec),
        "levels_nested": ({**SPEC, "levels": [["P3"], {"P4": 1}]}, no_spec),
        "option_nested": (part("neck", a=[[[[[1]]]]]), "holds too much"),
        "option_long": (part("neck", a="x" * 10**6), "letters"),
        "option_unknown": (part("neck", a=1), "unexpected keyword"),
        "option_positional": (part("neck", features=1), "multiple values"),
    }
    for target, refusal in {
        "os.system": "not from",
        "builtins.eval": "not from",
        "torch.hub.load": "not from",
        "torch.nn.modules.module.torch.load": "cannot import",
        "torch.nn.Conv2d": foreign,
        "torch.nn.Upsample": foreign,
        "ultralytics.nn.tasks.DetectionModel": foreign,
        "ultralytics.nn.tasks.parse_model": foreign,
        "ultralytics.nn.autobackend.AutoBackend": foreign,
        "ultralytics.nn.modules.C2f": foreign,
        "timm.create_model": foreign,
        "timm.models.load_checkpoint": foreign,
        "timm.data.create_dataset": foreign,
        "yolograft.model.weights.load_weights": foreign,
        "yolograft.model.weights.atomic_write": foreign,
        "yolograft.model.weights.json": "has no",
        "yolograft.model.weights.Path": foreign,
        "yolograft.model.spec.ModelSpec": foreign,
        "yolograft.model.blocks.gsconv.GSConv": foreign,
        "yolograft.model.detector.build_detector": foreign,
        "yolograft.model.detector._features_of": foreign,
        "yolograft.training.train.train": "not from",
        "yolograft.common.files.os.system": "not from",
        "yolograft.model.nothing.X": "cannot import",
        "yolograft.model.necks.conv.": "has no",
        "..": "not from",
        "": "not from|no _target_",
        "a\x1b[31m\n": r"\\x1b",
    }.items():
        specs[f"part {target!r}"] = (part("neck", _target_=target), refusal)
    specs["loss_function"] = ({**SPEC, "loss": {"_target_": "yolograft.model.detector.parts_params"}}, foreign)
    specs["loss_of_ultralytics"] = ({**SPEC, "loss": {"_target_": "ultralytics.nn.tasks.v8DetectionLoss"}}, foreign)

    sources, unknown = "yolograft.data.sources", "knows no such data set"
    extras: dict[str, tuple[Any, str]] = {
        "config_null": ({**EXTRA, "config": None}, "does not say what it was trained on"),
        "config_list": ({**EXTRA, "config": [1]}, "no group of settings"),
        "dataset_text": ({**EXTRA, "config": {"dataset": "shapes"}}, "no group of settings"),
        "imgsz_text": ({**EXTRA, "imgsz": "x"}, "says imgsz=x"),
        "imgsz_1e9": ({**EXTRA, "imgsz": 32 * 10**8}, "says imgsz="),
        "imgsz_missing": ({"config": EXTRA["config"]}, "imgsz=: "),
        "extra_list": ([1], "extra is no object"),
        "extra_nested": ('{"a":' * 100_000, "nested too deep"),
        "shapes_1e9": (data(SHAPES["_target_"], train=10**9), "too many to draw"),
        "shapes_objects": (data(SHAPES["_target_"], train=2, val=2, size=4096, max_objects=10**6), "too many to draw"),
        "shapes_text": (data(SHAPES["_target_"], train="9"), "valid integer"),
        "option_of_another": (data(SHAPES["_target_"], path="/"), "no such key"),
        "folds_alone": (data(SHAPES["_target_"], folds=3), "belong together"),
        "named_traversal": (
            data(f"{sources}.named.named", name="../../../../../../../tmp/x"),
            unknown,
        ),
        "named_absolute": (data(f"{sources}.named.named", name=str(Path.cwd() / "evil")), unknown),
        "named_pattern": (data(f"{sources}.named.named", name="*"), unknown),
        "named_elsewhere": (
            data(f"{sources}.named.named", name="xView", root="elsewhere"),
            "not in (?!.*elsewhere).*register",
        ),
        "windows_share": (data(f"{sources}.auto.auto", path=r"\\evil\share"), "another machine"),
        "no_folder": (data(f"{sources}.auto.auto", path="nowhere\x1b[31m"), r"nowhere\\x1b"),
    }
    for target in (
        *("os.system", "builtins.exec", "yolograft.common.files.os.system", "yolograft.upstream.data:os.system"),
        *(f"{sources}.shapes.shutil.rmtree", f"{sources}.shapes:shutil.rmtree", f"{sources}.shapes._publish"),
        *(
            f"{sources}.named.run_recipe",
            f"{sources}.named.shutil",
            f"{sources}.yolo.find_yaml",
            f"{sources}.yolo.Path",
        ),
        *(
            "yolograft.upstream.data.run_recipe",
            "yolograft.training.train.train",
            "yolograft.common.files.replace_file",
        ),
        *(
            f"{sources}.shapes.cache_dir",
            "yolograft.model.weights.load_weights",
            "torch.nn.Conv2d",
            "timm.create_model",
        ),
    ):
        extras[f"data {target!r}"] = (data(target), "not from|cannot import|has no|no layer, loss or builder")
    extras["data_target_list"] = (data(["os", "system"]), "not from")

    def write(spec: Any, extra: Any) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            texts = [value if isinstance(value, str) else json.dumps(value) for value in (spec, extra)]
            metadata = {"format": "yolograft-detector-1", "spec": texts[0], "extra": texts[1]}
            file = folder / f"made-{len(list(folder.iterdir()))}.safetensors"
            file.write_bytes(save(tensors, metadata))
            return file

        return make

    return {
        **{name: (write(spec, EXTRA), expected) for name, (spec, expected) in specs.items()},
        **{name: (write(SPEC, extra), expected) for name, (extra, expected) in extras.items()},
        "metadata_missing": (_only({"format": "yolograft-detector-1"}, tensors), "damaged"),
        "metadata_of_100_mb": (_large_metadata, "claims a description"),
        "tensors_missing": (_only(_metadata(), dict(list(tensors.items())[:-1])), other),
        "tensors_more": (_only(_metadata(), {**tensors, "more": torch.zeros(1)}), other),
        "tensors_of_another_shape": (_only(_metadata(), {n: torch.zeros(1) for n in tensors}), other),
    }


def _large_metadata(folder: Path) -> Path:
    header = json.dumps({"__metadata__": {"format": "yolograft-detector-1", "spec": "x" * 10**8}}).encode()
    (folder / "large.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return folder / "large.safetensors"


def _metadata() -> dict[str, str]:
    return {"format": "yolograft-detector-1", "spec": json.dumps(SPEC), "extra": json.dumps(EXTRA)}


def _only(metadata: dict[str, str], tensors: dict[str, torch.Tensor]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        file = folder / f"made-{len(list(folder.iterdir()))}.safetensors"
        file.write_bytes(save(tensors, metadata))
        return file

    return make
