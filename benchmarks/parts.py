"""What each part of a model costs: YOLO11 at n with one part swapped, on a CPU, all variants timed in turns.

    python benchmarks/parts.py

writes benchmarks/results/parts.json, of which the pages of parts are made: parameters and GFLOPs after
folding, milliseconds of one image, and the layers that the part is made of.
"""

import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from torch import nn

from yolograft.cli.command_line import check_command_line
from yolograft.common.parts import ATTENTION, PARTS
from yolograft.config.locations import conf_dir
from yolograft.evaluation.bench.bench import Settings, bench
from yolograft.evaluation.bench.contestants import Contestant, untrained
from yolograft.model.detector import Detector, build_detector
from yolograft.model.from_config import model_spec

IMGSZ, NC, ROUNDS = 320, 80, 10
RESULT = Path(__file__).parent / "results" / "parts.json"
STOCK = "yolo11"


def variants() -> dict[str, dict[str, Any]]:
    """Return the config of each variant under `group=value`; YOLO11 itself under its own name."""
    named: dict[str, list[str]] = {STOCK: []}
    for group in (*PARTS, ATTENTION):
        named |= {
            f"{group}={file.stem}": [f"{group}={file.stem}"] for file in sorted((conf_dir() / group).glob("*.yaml"))
        }
    found = {}
    for name, overrides in named.items():
        config = check_command_line("info", [*overrides, f"nc={NC}", "scale=n"]).config
        assert config is not None
        found[name] = {**config, "nc": NC}
    return found


def layers(module: nn.Module, depth: int = 2) -> list[dict[str, Any]]:
    """Return what a module is made of: name, class and parameters of each layer, like ones in a row as one."""
    found: list[dict[str, Any]] = []
    for name, child in module.named_children():
        inside = layers(child, depth - 1) if depth > 1 else []
        kind, params = kind_of(child), sum(p.numel() for p in child.parameters())
        if not params:
            continue
        last = found[-1] if found else None
        if last and last["kind"] == kind and last["layers"] == inside and last["params"] == params:
            last["times"] += 1
        else:
            found.append({"name": name, "kind": kind, "params": params, "times": 1, "layers": inside})
    return layers(next(module.children()), depth) if len(found) == 1 and depth > 1 and found[0]["layers"] else found


def kind_of(module: nn.Module) -> str:
    """Return a module's class; of a container of layers all alike theirs, and how many."""
    inside = [type(child).__name__ for child in module.children()]
    if isinstance(module, nn.ModuleList | nn.Sequential) and len(set(inside)) == 1:
        return inside[0] + (f" × {len(inside)}" if len(inside) > 1 else "")
    return type(module).__name__


def part_of(model: Detector, group: str) -> nn.Module:
    """Return the module that a group's option became; of attention the first place that has it."""
    if group == ATTENTION:
        places = [child for name, child in model.model.named_children() if name.startswith(ATTENTION)]
        return places[0] if places else nn.Identity()
    return model.model.get_submodule(group)


def described(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters and layers of the part that a variant is named after."""
    model = build_detector(model_spec(config, {i: str(i) for i in range(NC)}))
    module = part_of(model, name.partition("=")[0])
    own = sum(p.numel() for p in module.parameters())
    return {"own": own, "kind": type(module).__name__, "layers": layers(module)}


def main() -> None:
    """Measure and write."""
    configs = variants()
    trees = {name: described(name, config) for name, config in configs.items() if name != STOCK}

    def build() -> list[Contestant]:
        return [untrained(name, config) for name, config in configs.items()]

    settings = Settings(["cpu"], ["pytorch"], [1], [IMGSZ], ROUNDS, 2, 1, loaded=True, memory=False)
    with tempfile.TemporaryDirectory() as folder:
        (cell,) = bench(build, settings, Path(folder), print)
    times = {subject.name: subject.times for subject in cell.subjects}
    rows = {}
    for subject in cell.subjects:
        # Round by round against YOLO11's own: what slows the machine down slows both.
        ratio = median(own / stock for own, stock in zip(subject.times, times[STOCK], strict=True))
        cost = {"params": subject.params, "gflops": subject.gflops, "ms": 1000 * median(subject.times), "ratio": ratio}
        rows[subject.name] = {**cost, **trees.get(subject.name, {})}
    about = {
        "hardware": cell.hardware,
        "threads": cell.threads,
        "imgsz": IMGSZ,
        "nc": NC,
        "rounds": ROUNDS,
        "load_during": round(cell.load_during, 2),
        "measured": cell.measured,
        "versions": dict(cell.versions),
    }
    RESULT.write_text(json.dumps({"about": about, "parts": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
