"""A whole prediction: sources through detectors into a folder."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from yolograft.common.files import user_path
from yolograft.compute.devices import for_inference
from yolograft.compute.reproducible import reproducible
from yolograft.evaluation.predict.drawing import draw
from yolograft.evaluation.predict.finder import Finder, Found, Settings
from yolograft.evaluation.predict.output import Output
from yolograft.evaluation.predict.places import Names, new_folder
from yolograft.evaluation.predict.progress import Progress
from yolograft.evaluation.predict.reading import UnreadableSourceError, frames
from yolograft.evaluation.predict.sources import Source
from yolograft.upstream.training import quiet


@dataclass
class Summary:
    """What came of a prediction.

    Attributes:
        out: The folder.
        names: What each run is called.
        images: Images that were looked at.
        frames: Frames of videos and cameras that were looked at.
        boxes: For each run, how many boxes of each class it has found, by name.
        failed: What could not be looked at, and why.
        seconds: How long it took.
    """

    out: Path
    names: list[str]
    images: int = 0
    frames: int = 0
    boxes: list[Counter[str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it as `format=json` prints it."""
        runs = [
            {"name": name, "boxes": count.total(), "per_class": dict(count.most_common())}
            for name, count in zip(self.names, self.boxes, strict=True)
        ]
        failed = [{"source": source, "reason": reason} for source, reason in self.failed]
        return {
            "out": str(self.out),
            "images": self.images,
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "runs": runs,
            "failed": failed,
        }


def predict(
    weights: Sequence[Path], sources: Iterable[Source], total: int | None, config: Mapping[str, Any]
) -> Summary:
    """Look at all sources, and write what is found as it comes.

    Args:
        weights: Files of weights, which may be strangers'; several look at each image, side by side.
        sources: What to look at.
        total: How many they are; None where only their end will tell.
        config: The config of `yolograft predict`.

    Raises:
        UserError: Weights cannot be loaded, or the folder is in use.
    """
    quiet()
    settings = Settings(**{key: config[key] for key in Settings.__dataclass_fields__})
    compute = for_inference(config["device"])
    names = run_names(weights)
    finders = [
        Finder(file, name, settings, str(compute.device), tuple(config["trust"]))
        for file, name in zip(weights, names, strict=True)
    ]
    folder = new_folder(user_path(config["out"]) if config["out"] else None, overwrite=config["overwrite"])
    summary = Summary(folder, names, boxes=[Counter() for _ in finders])
    runs = [{"name": f.name, "weights": str(f.weights.absolute()), "names": f.names, "imgsz": f.imgsz} for f in finders]
    asked = {**asdict(settings), "conf": settings.confidence, "vid_stride": config["vid_stride"]}
    output = Output(folder, runs, asked, labels=config["save_txt"], with_confidence=config["save_conf"])
    began = time.monotonic()
    with reproducible(0, compute.threads, deterministic=False), closing(output), Progress(total) as progress:
        _look(sources, finders, output, summary, progress, config)
    summary.seconds = time.monotonic() - began
    return summary


def run_names(weights: Sequence[Path]) -> list[str]:
    """Return what runs are called: their folders' names, told apart by numbers where they are the same."""
    names = Names()
    folders = [file.absolute().parent.parent.name if file.parent.name == "checkpoints" else "" for file in weights]
    return [names.claim(f"{name or file.stem}.run") for name, file in zip(folders, weights, strict=True)]


def _look(
    sources: Iterable[Source],
    finders: Sequence[Finder],
    output: Output,
    summary: Summary,
    progress: Progress,
    config: Mapping[str, Any],
) -> None:
    claimed = Names()
    titles = [finder.name for finder in finders]
    classes = [finder.names for finder in finders]
    for source in sources:
        name = claimed.claim(source.name, folder=source.kind != "image")
        for finder in finders:
            finder.begin()
        try:
            for frame in frames(source, stride=config["vid_stride"]):
                found = [finder(frame.image) for finder in finders]
                output.add(source.shown, name, frame.number, frame.image.shape, found)
                if config["save"]:
                    picture = draw(frame.image, classes, found, titles)
                    if frame.number is None:
                        output.add_picture(name, picture)
                    else:
                        output.add_frame(name, picture, frame.rate)
                _count(summary, finders, found, is_image=frame.number is None)
                progress.frame(name, frame.number, frame.total)
        except UnreadableSourceError as error:
            output.add_failure(source.shown, str(error))
            summary.failed.append((source.shown, str(error)))
        output.end_video()
        progress.source()


def _count(summary: Summary, finders: Sequence[Finder], found: Sequence[Sequence[Found]], *, is_image: bool) -> None:
    summary.images += is_image
    summary.frames += not is_image
    for count, finder, boxes in zip(summary.boxes, finders, found, strict=True):
        count.update(finder.names[each.label] for each in boxes)
