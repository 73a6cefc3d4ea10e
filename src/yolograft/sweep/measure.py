"""What a variant weighs before it is trained: parameters, GFLOPs and, as an estimate, memory."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from yolograft.common.parts import ATTENTION, PARTS
from yolograft.compute.devices import resolve
from yolograft.compute.reproducible import reproducible
from yolograft.data.from_config import data_spec
from yolograft.data.listing import list_images
from yolograft.data.sources import named
from yolograft.model.detector import Detector, build_detector, gflops, parts_params
from yolograft.model.from_config import model_spec, own_packages
from yolograft.model.probe import probe
from yolograft.tasks.detect import DETECT
from yolograft.training.module import DetectionTraining
from yolograft.training.recipe import Recipe
from yolograft.training.schedule import Schedule

_BYTES_PER_PARAMETER = {"SGD": 16, "MuSGD": 16, "RMSprop": 16}
"""Weight, gradient, average (EMA) and the optimizer's own, in float32; of the last, Adam and its kin have two."""

_SMALL = 64
"""Side in pixels of the images that memory is counted on."""


@dataclass(frozen=True)
class Variant:
    """What was measured of a variant.

    Attributes:
        params: Parameters.
        parts: Parameters by part.
        gflops: As `yolograft info` counts them, at the config's image size.
        memory_gb: Estimated need for a training with the config's batch, 10⁹ bytes.
    """

    params: int
    parts: dict[str, int]
    gflops: float
    memory_gb: float

    @property
    def values(self) -> dict[str, float]:
        """By the names that a constraint uses."""
        parts = {f"{part}_params": self.parts.get(part, 0) for part in (*PARTS, ATTENTION)}
        return {"params": self.params, "gflops": self.gflops, "memory_gb": self.memory_gb, **parts}


@dataclass(frozen=True)
class Data:
    """What is known of a data set without fetching it.

    Attributes:
        nc: Number of classes.
        train: Images to train on; None where it is not there yet.
        val: Images to validate on.
    """

    nc: int
    train: int | None = None
    val: int | None = None


class Measurer:
    """Measures variants, each once whatever its seeds."""

    def __init__(self) -> None:
        self._variants: dict[str, Variant] = {}
        self._data: dict[str, Data] = {}

    def data(self, config: Mapping[str, Any]) -> Data:
        """Return what is known of a config's data set; a public one is not downloaded for it."""
        key = json.dumps([config["dataset"], config["single_cls"]], sort_keys=True, default=str)
        if key not in self._data:
            self._data[key] = _data(config)
        return self._data[key]

    def variant(self, config: Mapping[str, Any]) -> Variant:
        """Return what a config's variant weighs."""
        nc = self.data(config).nc
        others = [config["imgsz"], config["batch"], config["optim"]["optimizer"], config["device"], config["trainer"]]
        key = json.dumps([model_spec(config, nc).to_json(), others], sort_keys=True, default=str)
        if key not in self._variants:
            with torch.device("meta"):
                model = build(config, nc)
            model.model.to_empty(device="cpu")  # drawing weights would take longer than all that is measured
            probe(model, model.spec)
            self._variants[key] = Variant(
                params=sum(p.numel() for p in model.parameters()),
                parts=parts_params(model),
                gflops=round(gflops(model, config["imgsz"]), 6),
                memory_gb=_memory(model, config) / 1e9,
            )
        return self._variants[key]


@cache
def measurer() -> Measurer:
    """Return this process's measurer, which remembers what it has built."""
    return Measurer()


def build(config: Mapping[str, Any], nc: int) -> Detector:
    """Build a config's model; pretrained weights are not fetched."""
    return build_detector(model_spec(config, nc).untrained(), trust=own_packages(config))


def _data(config: Mapping[str, Any]) -> Data:
    dataset = config["dataset"]
    if str(dataset["_target_"]) == f"{named.__name__}.named":
        spec, there = named.described(name=dataset["name"], root=dataset.get("root"))
        if not there:
            return Data(1 if config["single_cls"] else spec.nc)
    spec = data_spec(config)
    return Data(spec.nc, len(list_images(spec, "train")), len(list_images(spec, "val")))


def _memory(model: Detector, config: Mapping[str, Any]) -> float:
    """Estimate the bytes that a training takes: what it keeps for each parameter, and what autograd keeps of a batch.

    The latter is counted on two small images; it grows with the number of pixels.
    """
    compute = resolve(config["device"], config["workers"], {**config["trainer"], "threads": 1})
    optimizer = _BYTES_PER_PARAMETER.get(config["optim"]["optimizer"], 20)
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.untyped_storage()._cdata] = tensor  # held, so that no other tensor gets its number
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.train()(torch.zeros(2, 3, _SMALL, _SMALL))
    per_image = sum(t.untyped_storage().nbytes() for t in kept.values()) / 2 * (config["imgsz"] / _SMALL) ** 2
    batch = max(int(config["batch"]), 1)  # a share of the memory becomes a number only at the start
    half = 1.0 if compute.autocast is None else 0.5
    return sum(p.numel() for p in model.parameters()) * optimizer + per_image * batch / compute.processes * half


def step_seconds(config: Mapping[str, Any], nc: int, patience: float = 2.0) -> float:
    """Train a config's variant for a moment, on noise, and return the seconds that an image takes on its device.

    Args:
        config: The config.
        nc: Number of classes.
        patience: Seconds after which no further step is begun.
    """
    compute = resolve(config["device"], config["workers"], config["trainer"])
    images = max(int(config["batch"]), 1)
    if (
        compute.accelerator == "cpu"
    ):  # a batch of large images would take a minute, one of two small ones is mere overhead
        images = min(images, max(2, round(16 * (256 / config["imgsz"]) ** 2)))
    optimizer = {**config["optim"], "optimizer": "SGD"}
    with reproducible(0, compute.threads, deterministic=False):
        model = build(config, nc).to(compute.device)
        recipe = Recipe(epochs=1, batches=1, batch=images, images=images, optim=optimizer)
        module = DetectionTraining(model, recipe, Schedule(1, config["imgsz"]), compute, None)  # type: ignore[arg-type]  # no validation
        batch = {
            "img": torch.randint(0, 256, (images, 3, config["imgsz"], config["imgsz"]), dtype=torch.uint8),
            **DETECT.noise_labels(images),
        }
        batch = {key: value.to(compute.device) for key, value in batch.items()}
        times: list[float] = []
        began = time.monotonic()
        while len(times) < 2 or (time.monotonic() - began < patience and len(times) < 20):
            start = time.monotonic()
            loss, _ = module.losses(module.to_input(batch))
            loss.backward()
            module.optimizer.step()
            module.optimizer.zero_grad()
            float(loss.detach())  # waits for the device
            times.append(time.monotonic() - start)
    return min(times[1:]) / images
