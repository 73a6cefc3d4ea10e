"""What folding batch norms changes: largest difference of the answers, norms left, latency before and after.

    python benchmarks/folding.py [ROUNDS] [FILE]

YOLO11's neck, context and head at n under each backbone, with weights and statistics of the norms as a training leaves
them; 320 px, batch 1, float32, one thread. Folded and unfolded detectors are timed in turns in one process, as
`yolograft bench` does.
"""

import platform
import sys
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median

import torch
from torch import nn

from yolograft.analysis.latency import median_interval
from yolograft.cli.command_line import check_command_line
from yolograft.compute.load import LoadMeter, load_limit, others
from yolograft.evaluation.bench.rounds import in_turns
from yolograft.model.detector import Detector, build_detector
from yolograft.model.fold import fold, norms_left
from yolograft.model.from_config import model_spec, own_packages

IMGSZ = 320
CASES = {
    "yolo11": ["backbone=yolo11"],
    "effv1 (b0)": ["backbone=effv1"],
    "effv2 (s)": ["backbone=effv2"],
    "mbv3 (large)": ["backbone=mbv3"],
    "timm resnet18": ["backbone=timm"],
    "timm tf_efficientnet_lite0": ["backbone=timm", "backbone.model=tf_efficientnet_lite0"],
    "timm mobileone_s0": ["backbone=timm", "backbone.model=mobileone_s0"],
    "timm repvit_m1": ["backbone=timm", "backbone.model=repvit_m1"],
    "timm densenet121": ["backbone=timm", "backbone.model=densenet121"],
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    torch.set_num_threads(1)
    before, named = others()
    pairs = {name: pair(arguments) for name, arguments in CASES.items()}
    image = torch.rand(1, 3, IMGSZ, IMGSZ, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        calls = [partial(model, image) for model in chain.from_iterable(pairs.values())]
        for call in calls * 3:
            call()
        meter = LoadMeter()
        times = list(zip(*in_turns(calls, rounds, lambda: None), strict=True))
    busy = meter.read()
    lines = [
        f"torch {torch.__version__}, {platform.machine()}, one thread, {IMGSZ} px, batch 1, float32; "
        f"{rounds} rounds in turns",
        f"others used {before:.2f} processors before ({named or 'nothing of note'}) and {busy:.2f} meanwhile "
        f"(yolograft bench would rank up to {load_limit():.2f})",
        "",
        f"{'':27} {'float64':>8} {'float32':>8} {'rounding':>8} {'norms':>10} {'parameters':>24} "
        f"{'ms unfolded':>21} {'ms folded':>21}",
    ]
    for place, (name, (model, folded)) in enumerate(pairs.items()):
        answers = [answer(each) for each in (model, folded)]
        norms = f"{len(norms_left(model))} -> {len(norms_left(folded))}"
        params = " -> ".join(f"{sum(p.numel() for p in each.parameters()):,}" for each in (model, folded))
        exact = answer(model.double())
        found = [largest(answer(fold(model)), exact), largest(*answers), largest(answers[0], exact)]
        spans = [told(times[2 * place]), told(times[2 * place + 1])]
        differences = " ".join(f"{each:8.0e}" for each in found)
        lines.append(f"{name:27} {differences} {norms:>10} {params:>24} {spans[0]:>21} {spans[1]:>21}")
    lines += [
        "",
        "Largest difference of all outputs (boxes in pixels, scores) between unfolded and folded, in float64 and",
        "float32; rounding: between float32 and float64 without folding. The weights are random, the statistics of the",
        "norms those of four images of noise, so that rounding is carried far; timm merges RepViT in float32.",
        "densenet121 normalises before it convolves: 62 of its norms follow no convolution.",
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(text, encoding="utf-8")


@torch.no_grad()
def pair(arguments: list[str]) -> tuple[Detector, Detector]:
    """Return a variant with statistics in its norms, and the same folded."""
    torch.manual_seed(0)
    config = check_command_line("info", arguments).config
    model = build_detector(model_spec(config, 80), trust=own_packages(config)).eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.weight.uniform_(0.5, 1.5)
            module.bias.uniform_(-0.3, 0.3)
            module.momentum = None  # the statistics of one batch, all of them
    model.train()(torch.rand(4, 3, 128, 128))
    return model.eval(), fold(model)


@torch.no_grad()
def answer(model: Detector) -> torch.Tensor:
    """Return what a detector makes of one image."""
    image = torch.rand(1, 3, IMGSZ, IMGSZ, generator=torch.Generator().manual_seed(1))
    found: torch.Tensor = model(image.to(next(model.parameters()).dtype))[0]
    return found


def largest(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the largest difference of two answers."""
    return float((one.double() - other.double()).abs().max())


def told(times: tuple[float, ...]) -> str:
    """Return a median with its interval, in milliseconds."""
    low, high = median_interval(times) or (0.0, 0.0)
    return f"{median(times) * 1e3:.1f} [{low * 1e3:.1f}, {high * 1e3:.1f}]"


if __name__ == "__main__":
    main()
