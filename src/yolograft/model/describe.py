"""What a variant is made of: parameters, GFLOPs, pyramid and parts."""

from collections.abc import Mapping
from typing import Any

from yolograft.common.parts import ATTENTION, MODEL_GROUPS
from yolograft.common.text import gflops_text
from yolograft.model.against_base import forced, given
from yolograft.model.detector import build_detector, gflops, parts_params
from yolograft.model.fold import fold
from yolograft.model.from_config import model_spec, own_packages


def describe(config: Mapping[str, Any]) -> dict[str, Any]:
    """Build the variant that a person's own config chooses, and describe it.

    Args:
        config: The config of `yolograft info`: the parts, `loss`, `scale`, `nc`, `imgsz`, and `choices`, the option
            chosen in each group.

    Returns:
        What `yolograft info format=json` prints. `gflops` are those of one image of `imgsz` × `imgsz` pixels; `levels`
        are the backbone's. `given` are the channels of the maps that a part takes; `forced` says which parts that are
        the base's own have other parameters than there, since they are given others. `folded` is what a deployed
        detector has and computes: batch norms folded, branches merged.

    Raises:
        UserError: If the parts do not fit each other.
    """
    model = build_detector(model_spec(config, config["nc"]), trust=own_packages(config))
    folded = fold(model)
    return {
        "params": sum(p.numel() for p in model.parameters()),
        "gradients": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "gflops": float(gflops_text(gflops(model, config["imgsz"]))),
        "imgsz": config["imgsz"],
        "nc": config["nc"],
        "levels": {f.name: {"channels": f.channels, "stride": f.stride} for f in model.levels},
        "parts": parts_params(model),
        "given": given(model),
        "forced": forced(model, config),
        "folded": {
            "params": sum(p.numel() for p in folded.parameters()),
            "gflops": float(gflops_text(gflops(folded, config["imgsz"]))),
        },
        "choices": _choices(config),
    }


def _choices(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was chosen in each group; attention and activation where they are used."""
    chosen = {group: config["choices"][group] for group in ("base", *MODEL_GROUPS, "scale")}
    if not config[ATTENTION].get("_target_"):
        del chosen[ATTENTION]
    if config["activation"]:
        chosen["activation"] = config["activation"]
    return chosen
