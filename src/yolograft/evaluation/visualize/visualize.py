"""Look into trained detectors, side by side, on the same images."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolograft.common.text import plain
from yolograft.compute.devices import for_inference
from yolograft.evaluation.provenance import Provenance
from yolograft.evaluation.visualize.maps import Field
from yolograft.evaluation.visualize.scenes import Scene, labelled_scenes, scenes_of
from yolograft.evaluation.visualize.views import View, Viewer, views
from yolograft.model.weights import load_detector
from yolograft.upstream.training import quiet


@dataclass(frozen=True)
class Shown:
    """What is shown.

    Attributes:
        looked: Each image with what every detector makes of it, as it is looked at.
        fields: The effective receptive fields, by detector and level.
        names: Class names by number.
        about: `imgsz`, `source` and `confidence`.
    """

    looked: Iterator[tuple[Scene, list[View]]]
    fields: Mapping[str, Mapping[str, Field]]
    names: list[str]
    about: Mapping[str, Any]


def visualize(weights: Mapping[str, Path], config: Mapping[str, Any], say: Callable[[str], object]) -> Shown:
    """Load detectors and images and look.

    Args:
        weights: The files by what the detectors are called; they may be a stranger's.
        config: The config of `yolograft visualize`.
        say: Is given a line for each step.

    Raises:
        UserError: Weights or images cannot be loaded, or the detectors have other classes than the first.
    """
    quiet()
    loaded = {name: load_detector(file, trust=tuple(config["trust"])) for name, file in weights.items()}
    (first, extra), file = next(iter(loaded.values())), next(iter(weights.values()))
    trained = Provenance.from_extra(file, extra)
    stride = max(int(max(detector.stride)) for detector, _ in loaded.values())
    imgsz = trained.size(config["imgsz"], stride)
    names = list(first.names.values())
    if config["source"] is None:
        scenes = labelled_scenes(
            trained, first.names, config["split"], config["images"], imgsz, stride, config["trust"]
        )
        source = f"{config['split']} of the first run's data"
    else:
        words = [config["source"]] if isinstance(config["source"], str) else config["source"]
        scenes, faults = scenes_of(words, config["images"], imgsz, stride)
        for fault in faults:
            say(plain(fault))
        source = ", ".join(words)
    device = for_inference(config["device"], threads=1).device
    viewers = [Viewer(name, detector, device, names) for name, (detector, _) in loaded.items()]
    say(f"receptive fields of {', '.join(weights)}")
    fields = {viewer.run: viewer.fields(scenes, imgsz) for viewer in viewers}
    about = {"imgsz": imgsz, "source": source, "confidence": config["conf"]}
    return Shown(views(viewers, scenes, config["conf"], say), fields, names, about)
