"""The parts as one model that ultralytics takes for its own."""

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from torch import nn

from yolograft.common.errors import UserError
from yolograft.common.levels import DEFAULT_LEVELS
from yolograft.common.parts import ATTENTION, PARTS
from yolograft.config.instantiate import call, describe_error, locate, one_line
from yolograft.config.places import places
from yolograft.model.activation import is_yolos, set_activation
from yolograft.model.attention.placed import PlacedAttention
from yolograft.model.features import Feature, Scale, describe
from yolograft.model.flops import gflops
from yolograft.model.fold import fold_branches, fold_norms
from yolograft.model.losses.end_to_end import EndToEndLoss
from yolograft.model.probe import probe
from yolograft.model.spec import ModelSpec
from yolograft.upstream.model import (
    DetectionModel,
    default_args,
    initialize_weights,
    start_module,
    v8DetectionLoss,
)

__all__ = ["Detector", "ModelSpec", "build_detector", "gflops", "parts_params"]


class Detector(DetectionModel):
    """Backbone, context, neck and head in a row, with attention between them where it is wanted.

    `model` holds them in an `nn.Sequential`; each takes the output of the one before (`f = -1`) and none is kept for
    later (`save` is empty). So ultralytics' own forward pass, loss, validator and exporter work on it as they are, and
    what they call to fuse layers folds those of every part. Strides come from the features that the parts name, not
    from a trial run.

    Args:
        parts: backbone, context, neck and head, in that order; attention after its part, as `attention_backbone`.
        spec: What the parts were built from.

    Attributes:
        spec: What the detector was built from.
        nc: Number of classes.
        names: Class names by index.
        stride: Strides of the head's levels, [levels].
        yaml: What ultralytics asks a model's description for.
        args: ultralytics' default settings; a loss reads its weights from the spec, not from here.
    """

    spec: ModelSpec
    names: dict[int, str]

    def __init__(self, parts: dict[str, nn.Module], spec: ModelSpec) -> None:
        start_module(self)
        self.spec = spec
        self.model = nn.Sequential(OrderedDict(parts))
        self.save: list[int] = []
        for index, part in enumerate(self.model):
            kind = f"{type(part).__module__}.{type(part).__qualname__}"
            # The attributes that stock's forward pass and profiler read on each layer.
            for name, value in {"i": index, "f": -1, "type": kind, "np": _count(part)}.items():
                setattr(part, name, value)
        self.nc = spec.nc
        self.names = dict(spec.names) or {index: str(index) for index in range(spec.nc)}
        self.yaml = {"nc": spec.nc, "channels": 3, "scale": spec.scale["name"], "yaml_file": "yolograft.yaml"}
        self.inplace = True
        self.args = default_args()
        self.task = str(self.args.task)
        head: Any = self.model[-1]
        self.stride = head.stride
        head.bias_init()
        for part in self.model:
            if not getattr(part, "keeps_norms", False):
                initialize_weights(part)

    def init_criterion(self) -> v8DetectionLoss | EndToEndLoss:
        """Return the loss that the spec names, for both pairs of branches where the head has two.

        Stock calls this at the first training step.

        Raises:
            UserError: The loss is not allowed, does not exist, lacks an option, or cannot be used with this head.
        """
        options = dict(self.spec.loss)
        found = locate(str(options.pop("_target_")), "loss", self._trust)

        def make(model: DetectionModel) -> Any:
            return call(found, self.spec.label("loss"), (model,), options)

        if getattr(self.model[-1], "one2one_cv2", None) is not None:
            return EndToEndLoss(self, make)
        return cast("v8DetectionLoss", make(self))

    def fuse(self, verbose: bool = True, imgsz: int = 640) -> "Detector":
        """Fold batch norms into the layers before them and merge parallel branches, in place, in every part.

        ultralytics' predictor, validator and exporter call this. `yolograft.model.fold.fold` folds a copy.

        Args:
            verbose: Log layers, parameters and GFLOPs afterwards.
            imgsz: The image size for the GFLOPs, pixels.

        Returns:
            The detector.
        """
        if not self.is_fused():
            device = next(self.parameters()).device
            if device.type == "mps":  # has no float64
                self.to("cpu")
            fold_branches(self)
            super().fuse(verbose=False)
            fold_norms(self)
            self.to(device)
            self._fused = True
            self.info(verbose=verbose, imgsz=imgsz)
        return self

    def is_fused(self) -> bool:
        """Return whether `fuse` was called."""
        return self._fused

    @property
    def levels(self) -> tuple[Feature, ...]:
        """The backbone's levels."""
        return cast("tuple[Feature, ...]", self.model[0].features)

    # Packages that whoever built the detector trusts besides ours; set by `build_detector`.
    _trust: tuple[str, ...] = ()
    _fused = False


def build_detector(spec: ModelSpec, trust: Sequence[str] = ()) -> Detector:
    """Build the parts that a spec names, each from the levels of the one before, and join them.

    Parts that are not ours are tried out on small images: what they say of their levels must be what they give.

    Args:
        spec: What to build.
        trust: Packages beside ours, ultralytics', timm's and torch's that parts may come from.

    Returns:
        The detector in training mode, on torch's default device.

    Raises:
        UserError: A target is not allowed or does not exist, an option is unknown, a part fails, or parts do not fit
            together.
    """
    if len(spec.names) not in (0, spec.nc):
        raise UserError(f"names: {len(spec.names)} class names for nc={spec.nc}")
    try:
        scale = Scale(**spec.scale, levels=tuple(spec.levels))
    except TypeError as error:
        raise UserError(f"scale: needs name, depth, width, max_channels and c3k, got {spec.scale}") from error
    targets = spec.targets
    missing = [group for group in PARTS if group not in targets]
    if missing:
        raise UserError(f"{missing[0]}: no _target_ given")
    # All are found before any is built: a slip in the last one need not wait for the first.
    found = {group: locate(targets[group], group, trust) for group in PARTS}
    locate(targets.get("loss", ""), "loss", trust)
    wanted = _places(spec)
    if wanted:
        found[ATTENTION] = locate(targets[ATTENTION], ATTENTION, trust)

    parts: dict[str, nn.Module] = {}
    features: tuple[Feature, ...] = ()
    given = ""
    for group in PARTS:
        options = {key: value for key, value in spec.parts[group].items() if key != "_target_"}
        takes_its_own = group != "backbone" or "activation" in inspect.signature(found[group]).parameters
        own = None if takes_its_own else options.pop("activation", None)
        inputs: tuple[Any, ...] = {"backbone": (scale,), "head": (features, spec.nc)}.get(group, (features, scale))
        label = spec.label(group)
        part = parts[group] = _build(found[group], label, inputs, options, given)
        if own:
            if not _activate(part, "backbone.activation", own):
                raise UserError(f"backbone.activation={own}: {label} has no activation that can be exchanged")
        elif spec.activation and (group != "backbone" or is_yolos(part)):
            _activate(part, "activation", spec.activation)
        if group == "head":
            if not (hasattr(part, "stride") and hasattr(part, "bias_init")):
                raise UserError(f"{label} needs stride, a tensor of its levels' strides, and bias_init()")
            break
        features = _features_of(part, label)
        if group == "neck" and spec.levels != DEFAULT_LEVELS and tuple(f.name for f in features) != spec.levels:
            raise UserError(f"levels=[{','.join(spec.levels)}]: {label} gives {describe(features)}")
        if group != "context":  # it only changes P5, so the neck's levels are the backbone's
            giver = label
        given = f"; {giver} gives {describe(features)}"
        if group in wanted:
            placed = _attention(spec, found[ATTENTION], features, wanted[group], label)
            if spec.activation:
                _activate(placed, "activation", spec.activation)
            parts[f"{ATTENTION}_{group}"] = placed
    detector = Detector(parts, spec)
    detector._trust = tuple(trust)
    probe(detector, detector.spec)
    return detector


def parts_params(model: Detector) -> dict[str, int]:
    """Return the parameters of each part, and of attention where it is used; they add up to the model's."""
    counts = dict.fromkeys(PARTS, 0)
    for name, part in model.model.named_children():
        group = ATTENTION if name.startswith(ATTENTION) else name
        counts[group] = counts.get(group, 0) + _count(part)
    return counts


def _places(spec: ModelSpec) -> Mapping[str, tuple[str, ...] | None]:
    """Return after which parts and on which of their levels the spec wants attention.

    Raises:
        UserError: A place is none.
    """
    if ATTENTION not in spec.targets:
        return {}
    try:
        return places((spec.attention or {}).get("at", "context"))
    except (TypeError, ValueError) as error:
        raise UserError(f"attention.at: {error}") from error


def _attention(
    spec: ModelSpec,
    found: Callable[..., Any],
    features: Sequence[Feature],
    levels: Sequence[str] | None,
    giver: str,
) -> nn.Module:
    """Return the attention that follows a part.

    Raises:
        UserError: The part has no such level, or the attention cannot be built for its channels.
    """
    options = {key: value for key, value in (spec.attention or {}).items() if key not in ("_target_", "at")}
    label, given = spec.label(ATTENTION), f"; {giver} gives {describe(features)}"
    try:
        return PlacedAttention(features, levels, lambda channels: _build(found, label, (channels,), options, given))
    except ValueError as error:
        raise UserError(f"attention.at {error}{given}") from error


def _build(
    found: Callable[..., Any], label: str, inputs: tuple[Any, ...], options: Mapping[str, Any], given: str
) -> nn.Module:
    """Return what a class or function of a part makes.

    Raises:
        UserError: It fails, or makes no module; `given` ends the line where it refuses what it is given.
    """
    try:
        part = call(found, label, inputs, options)
    except UserError:
        raise
    except ValueError as error:
        reason = one_line(error)
        colon = "" if reason.startswith("needs ") else ":"
        raise UserError(f"{label}{colon} {reason}{given}") from error
    except Exception as error:  # a part of the person's own may fail in any way
        raise UserError(f"{label} cannot be built: {describe_error(error)}") from error
    if not isinstance(part, nn.Module):
        raise UserError(f"{label} is no nn.Module, but of {type(part)}")
    return part


def _activate(part: nn.Module, key: str, name: str) -> int:
    """Exchange a part's activations; return how many there were.

    Raises:
        UserError: There is no activation of that name.
    """
    try:
        return set_activation(part, name)
    except ValueError as error:
        raise UserError(f"{key}: {error}") from error


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _features_of(part: nn.Module, label: str) -> tuple[Feature, ...]:
    """Return the levels that a part says it gives.

    Raises:
        UserError: It says none.
    """
    features = getattr(part, "features", None)
    if not isinstance(features, tuple | list) or not all(isinstance(f, Feature) for f in features) or not features:
        raise UserError(
            f"{label} does not set self.features to its levels (a tuple of yolograft.model.features.Feature)"
        )
    return tuple(features)
