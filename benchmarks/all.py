"""All measurements of speed and memory on this machine, into one JSON file and one table: `make bench`.

    python benchmarks/all.py --device cpu --data data.yaml
    python benchmarks/all.py --tiny --only throughput,memory

Writes `benchmarks/results/DEVICE.json`, renewed after every measurement, and `DEVICE.md` beside it. Measure when
nothing else runs; the load at the start of each is in the file.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import throughput
from environment import environment

HERE = Path(__file__).parent


def measurements(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return each measurement's command, the most valuable first; those of trainings train YOLO11n."""
    cpu = options.device == "cpu"
    imgsz, batch = ("64", "8") if options.tiny else ("320", "16") if cpu else ("640", "64")
    few = "2" if options.tiny else "3"
    many, pairs = ("2", "1") if options.tiny else ("10", "2")
    pictures = ["--data", str(options.data)] if options.data else ["--images", "16" if options.tiny else "256"]
    shape = [*pictures, "--device", options.device, "--imgsz", imgsz, "--batch", batch]
    if options.tiny:
        shape += ["--workers", "0"]
    data = ["dataset=yolo", f"dataset.path={options.data}"] if options.data else ["dataset=shapes"]
    if options.tiny:
        data += ["dataset.train=16", "dataset.val=4"] * (not options.data)
    best = ["--stock", *throughput.BEST]
    at_its_best = [] if cpu else best
    side_by_side = ["--ours", "hydra/launcher=joblib"] if cpu else []  # as a sweep on a CPU advises
    small = ["--device", options.device]
    return {
        "throughput": ["throughput.py", *shape, "--epochs", many, "--pairs", pairs, *at_its_best],
        **({"cached": ["throughput.py", *shape, "--epochs", few, "--pairs", "1", *best]} if cpu else {}),
        "fp32": ["throughput.py", *shape, "--epochs", many, "--pairs", pairs, "--ours", "trainer.precision=fp32"],
        "beside_one": ["throughput.py", *shape, "--epochs", few, "--pairs", "1", "--beside", "1"],
        "beside_two": ["throughput.py", *shape, "--epochs", few, "--pairs", "1", "--beside", "2"],
        "sweep_time": ["sweep_time.py", *shape, "--epochs", "2", *side_by_side, *at_its_best],
        "step_limit": ["step_limit.py", f"imgsz={imgsz}", f"batch={batch}", f"device={options.device}", *data],
        "memory": ["memory.py", *small, *(("--epochs", "6", "--images", "16") if options.tiny else ())],
        "scaling": ["scaling.py", *small, *(["--tiny"] if options.tiny else [])],
    }


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    machine = results["environment"]
    told = machine["cuda"][0]["name"] if machine["cuda"] else f"{machine['processors']} × {machine['processor']}"
    versions = ", ".join(
        f"{name} {machine['versions'][name]}" for name in ("torch", "ultralytics", "pytorch-lightning")
    )
    commits = dict.fromkeys(found.get("commit", machine["commit"]) for found in results.values() if "took_s" in found)
    lines = [f"{told}; {versions}; Python {machine['python']}; commit {', '.join(commits)}", "", "| | |", "|---|---|"]
    settings = {
        "cached": f" with {' '.join(throughput.BEST)}",
        "fp32": ", in fp32",
        "beside_one": ", beside one busy process",
        "beside_two": ", beside two",
    }
    for name in ("throughput", *settings):
        for scale, found in results.get(name, {}).get("scales", {}).items():
            ratios = ", ".join(f"{pair['epochs']} (whole {pair['whole']})" for pair in found["ratios"])
            said = settings.get(name, "")
            lines.append(f"| yolo11{scale}: times as fast as ultralytics{said} | {ratios} |")
    if shares := [str(pair["share"]) for pair in results.get("sweep_time", {}).get("seconds", [])]:
        lines.append(f"| eight variants: share of a shell loop's time | {', '.join(shares)} |")
    if limit := results.get("step_limit"):
        lines.append(f"| share of the step limit | {limit['share']} |")
    if memory := results.get("memory"):
        lines.append(f"| memory over {memory['epochs']} epochs, MB an epoch | {memory['slope_mb_per_epoch']:+} |")
    slopes = {
        kind: found["slope"]
        for kind, found in results.get("scaling", {}).items()
        if isinstance(found, dict) and "slope" in found
    }
    lines += [f"| slope of seconds over {kind} (log, log) | {value} |" for kind, value in slopes.items()]
    return "\n".join(lines) + "\n"


def _placeless(measured: dict[str, Any], data: Path | None) -> dict[str, Any]:
    """Return a result without the places of this machine, so that it can be published."""
    measured.get("settings", {}).pop("out", None)
    if data is None:
        return measured
    text = json.dumps(measured).replace(str(data), f"{data.parent.name}/{data.name}")
    return dict(json.loads(text))


def main() -> int:
    """Measure what is asked for; what cannot be measured is said, and fails alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--data", type=Path, help="a data.yaml with image folders; default: pictures that are drawn")
    parser.add_argument("--only", help="some of the measurements, with commas between")
    parser.add_argument("--tiny", action="store_true", help="try the scripts themselves")
    parser.add_argument("--out", type=Path, help="the folder of the results", default=HERE / "results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)  # before hours of measuring
    found = environment()
    device = found["cuda"][0]["name"] if options.device != "cpu" and found["cuda"] else "cpu"
    file = options.out / f"{re.sub(r'[^a-z0-9]+', '_', device.lower())}.json"
    results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() and options.only else {}
    results["environment"] = found
    failed = 0
    for name, command in measurements(options).items():
        if options.only and name not in options.only.split(","):
            continue
        began, load = time.monotonic(), os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        print(f"{name}: {' '.join(command)} (load {load})", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "result.json"
            script, *arguments = command
            line = [sys.executable, str(HERE / script), "--out", str(out), *arguments]
            code = subprocess.run(line, cwd=folder, check=False).returncode
            if code or not out.exists():
                print(f"{name}: exit {code}", flush=True)
                failed = 1
                continue
            measured = _placeless(json.loads(out.read_text(encoding="utf-8")), options.data)
        took = round(time.monotonic() - began)
        results[name] = {**measured, "commit": found["commit"], "load_before": load, "took_s": took}
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        file.with_suffix(".md").write_text(table(results), encoding="utf-8")
    print(table(results))
    return failed


if __name__ == "__main__":
    sys.exit(main())
