"""`yolograft info`: what a variant is made of."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from yolograft.cli.app import config_of
from yolograft.common.parts import PARTS
from yolograft.common.text import gflops_text, markup


def main(arguments: list[str]) -> int:
    """Build the variant and describe it."""
    config = config_of("info", arguments)
    answer = describe(config)
    if config["format"] == "json":
        print(json.dumps(answer))
    else:
        _print(answer)
    return 0


def describe(config: dict[str, Any]) -> dict[str, Any]:
    """Return parameters, GFLOPs, pyramid and parts of the variant that a config chooses."""
    from yolograft.model.detector import ModelSpec, build_detector, gflops, parts_params

    parts = {group: config[group] for group in PARTS}
    packages = {str(part["_target_"]).partition(".")[0] for part in parts.values()}
    model = build_detector(ModelSpec(parts, config["scale"], config["nc"]), trust=tuple(packages))
    return {
        "params": sum(p.numel() for p in model.parameters()),
        "gradients": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "gflops": float(gflops_text(gflops(model, config["imgsz"]))),
        "imgsz": config["imgsz"],
        "nc": config["nc"],
        "levels": {f.name: {"channels": f.channels, "stride": f.stride} for f in model.levels},
        "parts": parts_params(model),
        "choices": {k: config["choices"][k] for k in (*PARTS, "scale")},
    }


def _print(answer: dict[str, Any]) -> None:
    title = " ".join(f"{k}={v}" for k, v in answer["choices"].items())
    table = Table()
    table.add_column("part")
    table.add_column("parameters", justify="right")
    table.add_column("share", justify="right")
    for part, params in answer["parts"].items():
        table.add_row(markup(part), f"{params:,}", f"{params / answer['params']:.0%}")
    table.add_section()
    table.add_row("all", f"{answer['params']:,}", "")
    console = Console()
    console.print(markup(title), soft_wrap=True)
    console.print(table)
    levels = ", ".join(f"{n} {f['channels']} channels at 1/{f['stride']}" for n, f in answer["levels"].items())
    costs = f"{gflops_text(answer['gflops'])} GFLOPs at {answer['imgsz']} px, {answer['nc']} classes"
    console.print(markup(f"{costs}; backbone gives {levels}"))
