"""What people write out of habit (from ultralytics, timm, a shell), and what they mean here."""

import os
import re
import shlex
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from yolograft.config.former import PROGRESSIVE

_WEIGHTS = "; say base=yolo11 scale=n (or base=yolo26 and so on), and weights=FILE to start from weights."

_STAGED = "; it belongs to progressive=default."

_KEYS = {
    "model": _WEIGHTS,
    "data": "; say dataset=auto dataset.path=data.yaml (or its folder), or dataset=coco128.",
    "resume": "; the same command goes on by itself.",
    "end2end": "; say head=end2end, or base=yolo26.",
    "nms": "; a head without NMS is head=end2end; with head.nms=true it uses NMS.",
    "amp": "; say trainer.precision=fp32, fp16 or bf16.",
    "pretrained": "; say weights=FILE, or backbone.pretrained=true.",
    "dataset.path": "; it belongs to dataset=auto, which takes a data set of any form, and to dataset=yolo and others.",
    "backbone.variant": "; it belongs to backbone=effv1, effv2 and mbv3.",
    "optimizer": "; say optim=sgd, optim=adamw and so on.",
    "classes": "; every class of the data set is trained; single_cls=true takes all for one.",
    "nc": "; the data set says how many classes there are.",
    "val": "; every epoch is validated; to measure again: yolograft val run=FOLDER.",
    "exist_ok": "; a folder is never overwritten: the same settings go on, others get a folder of their own.",
    "save_dir": "; say project=FOLDER name=NAME.",
    "output_dir": "; say project=FOLDER name=NAME.",
    "backbone.pretrained": "; it belongs to backbones of timm's parts; YOLO11's own: weights=yolo11n.pt.",
    **dict.fromkeys(("progressive.stages", "progressive.smallest", "progressive.weakest"), _STAGED),
    **dict.fromkeys((f"callbacks.progressive.{key}" for key in ("stages", "smallest", "weakest")), f"{PROGRESSIVE}."),
    "half": "; say trainer.precision=fp16 for a training, quantize=fp16 for an export.",
    "int8": "; an export takes quantize=int8.",
    "conf": "; for yolograft val it is fixed, as in ultralytics' own.",
}
"""Answers to keys that do not exist, by key."""

_MEANT = {
    "optim.lr0": ("lr", "optim.lr", "learning_rate", "optim.learning_rate", "base_lr", "initial_lr"),
    "optim.lrf": ("final_lr", "optim.final_lr"),
    "optim.weight_decay": ("wd", "optim.wd", "decay"),
    "batch": ("bs", "batch_size", "batchsize", "train_batch_size"),
    "imgsz": ("img", "img_size", "image_size", "img_sz", "imgsize", "size", "input_size", "resolution"),
    "epochs": ("max_epochs", "num_epochs", "n_epochs", "nepochs", "trainer.max_epochs"),
    "workers": ("num_workers", "n_workers", "dataloader.num_workers"),
    "device": ("gpu", "gpus", "devices", "accelerator", "trainer.devices", "trainer.accelerator"),
    "seeds": ("n_seeds", "num_seeds", "repeats"),
    "trainer.precision": ("precision", "fp16", "bf16"),
    "patience": ("early_stopping", "early_stop"),
    "project": ("out", "output", "save_to"),
    "weights": ("checkpoint", "ckpt", "pretrained_weights", "load_from"),
    "backbone.pretrained": ("imagenet",),
    "scale": ("model_size", "depth_multiple", "width_multiple"),
}
"""Keys, each with the names that people know it by elsewhere. Before spelling is compared: `lr` is not `lrf`."""

_BY_HABIT = {name: key for key, names in _MEANT.items() for name in names}

_OTHER = "yolograft trains detection only"
TASKS = {
    "yolo": "leave it out",
    "detect": "leave it out",
    "segment": _OTHER,
    "pose": _OTHER,
    "obb": _OTHER,
    "classify": _OTHER,
}
"""The first words of ultralytics' command lines."""


def advice(key: str, value: str | None = None, known: Sequence[str] = ()) -> str:
    """Return what to write for a key, or an option of a group, that people know from elsewhere; nothing if unknown.

    Args:
        key: A key that does not exist, or a group.
        value: The option that the group does not have.
        known: The options that it has.
    """
    if value is None:
        return _KEYS.get(key) or (f"; did you mean {_BY_HABIT[key]}?" if key in _BY_HABIT else "")
    if key == "callbacks" and value == "progressive":
        return f"{PROGRESSIVE}."
    if key == "backbone" and _is_timm(value):
        return f"; a model of timm is written backbone=timm backbone.model={value}."
    if key == "dataset" and (name := value.removesuffix(".yaml")) in known:
        return f"; did you mean {name}?"
    if key == "dataset" and (Path(value).suffix in (".yaml", ".yml", ".json") or "/" in value or "\\" in value):
        return f"; a data set of your own is written dataset=auto dataset.path={value}."
    if key == "dataset" and os.path.isdir(value):  # noqa: PTH112 - Path's raises for a name too long
        return f"; a folder of your own is written dataset=auto dataset.path={value}."
    if key == "dataset" and not get_close_matches(value, known, n=1, cutoff=0.7):
        return "; a data set of your own is written dataset=auto dataset.path=FOLDER."
    return ""


def quoting(argument: str, before: str | None, readable: Callable[[str], bool]) -> str:
    """Return the refusal of an argument that Hydra's grammar cannot read, with the argument rightly quoted.

    Args:
        argument: The argument.
        before: The one before it: a shell cuts an unquoted value at its spaces.
        readable: Whether Hydra reads a line; raises or returns False where it does not.
    """
    if not argument.isprintable():
        return f"{argument}: holds a line break or another control character; write it without"
    key, equals, value = argument.partition("=")
    if equals and not key:
        return f"{argument}: begins with =; write KEY=VALUE, as epochs=3"
    if not equals and before and "=" in before:
        key, _, value = f"{before} {argument}".partition("=")
        reason = f"is not KEY=VALUE; if it belongs to {before}"
    elif argument in TASKS:
        return f"{argument}: {TASKS[argument]}"
    elif not equals:
        return f"{argument}: is not KEY=VALUE, without spaces around the =, as imgsz=320"
    else:
        reason = "cannot be read; if its value has spaces, commas, accents or brackets"
    right = _in_quotes(key, value)
    try:
        helps = readable(right)
    except Exception:  # whatever the grammar says of it: then it is no advice  # noqa: BLE001
        helps = False
    if not helps:
        return f"{argument}: cannot be read; write KEY=VALUE, as epochs=3"
    return f"{argument}: {reason}, write quotes within quotes: {_for_shell(right)}"


def quoted(argument: str) -> str:
    """Return an argument as it is written in a shell to mean a single value."""
    key, _, value = argument.partition("=")
    return _for_shell(_in_quotes(key, value))


def _in_quotes(key: str, value: str) -> str:
    """Return an override whose value Hydra takes for one text."""
    meant = value.strip(value[0]) if value[:1] in ("'", '"') else value  # a quote that was opened and not closed
    text = meant.replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{text}'"


def _for_shell(text: str) -> str:
    return f'"{text}"' if not set(text) & set('"$`!\\') else shlex.quote(text)


def _is_timm(name: str) -> bool:
    """Whether timm has a model of this name, read from its source text: importing it would import torch."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{2,80}", name.partition(".")[0]):
        return False
    spec = find_spec("timm")
    folders = [Path(folder) / "models" for folder in (spec.submodule_search_locations or [])] if spec else []
    builder = f"\ndef {name.partition('.')[0]}(".encode()
    return any(builder in file.read_bytes() for folder in folders for file in sorted(folder.glob("*.py")))
