"""What keeping decoded images saves: the same epoch of loading with and without it, side by side.

    python benchmarks/image_cache.py --data data.yaml --imgsz 640

Builds the cache in a folder of its own, opens it again, then loads the data set in turn without and with it: the images
alone, the training's samples (mosaic and all) and the validation's, and prints the medians and their ratios.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(options: Any) -> None:
    """Print the table."""
    from yolograft.data.dataset import DetectionDataset, build_dataset
    from yolograft.data.draws import DrawnDataset, EpochBatches, closed
    from yolograft.data.image_cache import image_cache
    from yolograft.data.module import DetectionData
    from yolograft.data.sources.yolo import yolo
    from yolograft.upstream.data import full_hyp

    spec = yolo(path=options.data)
    sizes = {"imgsz": options.imgsz, "batch": options.batch}
    train = build_dataset(spec, "train", SimpleNamespace(), augment=True, rect=False, **sizes)
    val = build_dataset(spec, "val", SimpleNamespace(), augment=False, rect=True, **sizes)
    files = {*train.im_files, *val.im_files}
    caches: list[Any] = []
    first, second = (
        seconds(lambda: caches.append(image_cache(files, options.imgsz, train.channels, 1000.0))) for _ in range(2)
    )
    if None in caches:
        raise SystemExit("not enough room on the disk of temporary files")

    def images(dataset: DetectionDataset) -> None:
        for index in range(len(dataset)):
            dataset.load_image(index)

    # A training keeps its workers from one epoch to the next: so does this.
    def loaders(cache: Any) -> tuple[Any, Any]:
        for dataset in (train, val):
            dataset.image_cache = cache
            dataset.buffer, dataset.ims = [], [None] * len(dataset)
        mosaic = vars(full_hyp(SimpleNamespace()))
        batches = EpochBatches(len(train), options.batch, seed=0, mode=lambda epoch: epoch % 2)
        drawn = DrawnDataset(train, [mosaic, closed(mosaic)])
        data = DetectionData(drawn, val, batches, val_batch=options.batch, workers=options.workers)
        return data.train_dataloader(), data.val_dataloader()

    def epoch(loader: Any, number: int = 0) -> None:
        if hasattr(loader.batch_sampler, "set_epoch"):
            loader.batch_sampler.set_epoch(number)
        for _ in loader:
            pass

    times: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(options.repeats):
        for kept, cache in enumerate((None, caches[0])):
            train_loader, val_loader = loaders(cache)
            for name, work in {
                "images alone (val)": lambda: images(val),
                "training, mosaic": lambda loader=train_loader: epoch(loader, 0),
                "training, no mosaic": lambda loader=train_loader: epoch(loader, 1),
                "validation": lambda loader=val_loader: epoch(loader),
            }.items():
                times.setdefault(name, ([], []))[kept].append(seconds(work))
    print(f"{len(train)} train and {len(val)} val images at {options.imgsz} px, {options.workers} workers")
    print(f"built in {first:.2f} s ({caches[0].path.stat().st_size / 1e9:.2f} GB)")
    print(f"opened again in {second:.4f} s, {second / first:.1%} of that")
    print("| an epoch of | from files, s | kept, s | times as fast |\n|---|---|---|---|")
    for name, (without, kept_times) in times.items():
        before, after = statistics.median(without), statistics.median(kept_times)
        print(f"| {name} | {before:.3f} | {after:.3f} | {before / after:.1f} |")


def main() -> None:
    """Read the options and measure in a cache folder that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a data.yaml")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    options.data = str(Path(options.data).resolve())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["YOLOGRAFT_CACHE"] = folder  # before the first import
        measure(options)


if __name__ == "__main__":
    main()
