"""The training itself: ultralytics' loss, recipe, EMA and validation as a LightningModule."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch

from yolograft.common.errors import UserError
from yolograft.common.metrics import EPOCH_METRICS
from yolograft.compute.devices import Compute
from yolograft.compute.reproducible import seed
from yolograft.model.detector import Detector
from yolograft.model.losses.end_to_end import EndToEndLoss
from yolograft.training.cpu_kernels import use_cpu_kernels
from yolograft.training.distributed import gather_lists, share_loss, sum_over_processes, sync_norms, world
from yolograft.training.freezing import freeze_modules, hold_statistics
from yolograft.training.optimizer import laid_out, restore_optimizer, use_fused_steps
from yolograft.training.recipe import Recipe, scale_backbone
from yolograft.training.replayed import replayed
from yolograft.training.schedule import Schedule
from yolograft.upstream.training import Evaluator, ModelEMA, build_optimizer

GRADIENT_NORM = 10.0  # ultralytics' clipping


class DetectionTraining(pl.LightningModule):
    """Trains a detector as ultralytics' trainer does, one `training_step` at a time.

    Optimization is manual: ultralytics changes learning rates, momenta and accumulation with every iteration.

    Args:
        model: The detector.
        recipe: Learning rates, momenta, accumulation.
        schedule: Image size, and what is frozen.
        compute: Precision and memory layout.
        evaluator: Counts validation batches.
        start_epoch: Epochs that an earlier start of the same run has finished.
    """

    def __init__(
        self,
        model: Detector,
        recipe: Recipe,
        schedule: Schedule,
        compute: Compute,
        evaluator: Evaluator,
        start_epoch: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        if compute.processes == 1:  # the optimizer chooses its kernels by where the weights are
            model = model.to(compute.device)
        self.model = model.to(memory_format=torch.channels_last) if compute.channels_last else model
        self.replayed = replayed(self.model, compute)
        self.recipe = recipe
        self.compute = compute
        self.evaluator = evaluator
        self.start_epoch = start_epoch
        self.schedule = schedule
        self.frozen = freeze_modules(model, schedule.frozen)
        self.optimizer, self.optim = build_optimizer(
            model, recipe.optim, model.nc, recipe.weight_decay, recipe.iterations
        )
        scale_backbone(self.optimizer, model.model[0], self.optim.get("backbone_lr", 1.0))
        for group in self.optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        if compute.cpu_kernels and compute.channels_last:  # with channels first, fp32 is ultralytics' to the last bit
            use_fused_steps(self.optimizer)
        self.ema: ModelEMA | None = None
        self.scaler = torch.amp.GradScaler("cuda", enabled=compute.autocast == torch.float16)
        self.iteration = -1  # of the whole run, from 0
        self.last_step = -1  # iteration of the last optimizer step
        self.items: dict[str, torch.Tensor] = {}  # losses of the last batch
        self.gradient_norm = torch.zeros(())  # before clipping, at the last optimizer step
        self.restored: dict[str, Any] | None = None  # a checkpoint's state, until the model is on its device
        self.pending_gradients: dict[str, torch.Tensor] = {}
        self.train_losses: dict[str, torch.Tensor] = {}
        self.val_losses: dict[str, torch.Tensor] = {}
        self.metrics: dict[str, Any] = {}

    @property
    def epoch(self) -> int:
        """The epoch of the whole run, from 0."""
        return self.start_epoch + self.current_epoch

    def set_epochs(self, epochs: int) -> None:
        """Stretch the schedule to another number of epochs."""
        self.recipe = replace(self.recipe, epochs=epochs)
        self.schedule.epochs = epochs

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer that ultralytics' code built."""
        return self.optimizer

    def on_fit_start(self) -> None:
        """Make EMA and loss once the model is on its device, and restore the state of an earlier start."""
        if world() > 1:
            sync_norms(self.model)
        self.ema = ModelEMA(self.model)
        if self.compute.cpu_kernels:
            for model in (self.model, self.ema.ema):
                use_cpu_kernels(model, channels_last=self.compute.channels_last)
        # One for both: what a loss learns of the boxes in training holds for validation.
        self.model.criterion = self.ema.ema.criterion = self.model.init_criterion()
        if world() > 1:
            for criterion in _detection_losses(self.model.criterion):
                share_loss(criterion)
        if self.restored is not None:
            try:
                self.load_progress(self.restored)
            except torch.OutOfMemoryError:
                raise
            except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
                reason = next(iter(str(error).splitlines()), type(error).__name__)
                raise UserError(f"last.ckpt fits no such model ({reason}); remove it to train anew") from error
            if self.restored["recover"]:
                self.recover()
            self.restored = None

    def on_train_start(self) -> None:
        """Restore the gradients of batches that no optimizer step has used yet; Lightning cleared them.

        A run that is stopped two batches into an accumulation of four goes on with the gradients of both.
        """
        for name, parameter in self.model.named_parameters():
            gradient = self.pending_gradients.get(name)
            parameter.grad = None if gradient is None else laid_out(gradient, parameter)
        self.pending_gradients = {}

    def on_validation_model_zero_grad(self) -> None:
        """Keep accumulated gradients over a validation, as ultralytics does; Lightning would clear them."""

    def on_train_epoch_start(self) -> None:
        """Reset the mean losses, weight the loss for the epoch, and put frozen batch norms into eval mode."""
        if self.current_epoch > 0:
            self.train_losses = {}
        if isinstance(self.model.criterion, EndToEndLoss):
            self.model.criterion.begin_epoch(self.epoch, self.recipe.epochs)
        hold_statistics(self.frozen)
        if self.schedule.backbone_is_frozen(self.epoch):
            hold_statistics([self.model.model[0]])

    def training_step(self, batch: dict[str, Any], index: int) -> None:
        """Forward, backward, and where enough batches have been accumulated, an optimizer step.

        Args:
            batch: Images [B, 3, H, W] uint8, `cls` [N, 1], `bboxes` [N, 4] (xywh, 0…1), `batch_idx` [N].
            index: Number of the batch in its epoch.
        """
        if not batch:  # an earlier start of the run has finished it
            return
        self.iteration = index + self.recipe.batches * self.epoch
        self.recipe.apply(self.optimizer, self.iteration, self.epoch, self.optim)
        seed(self.schedule.seed + self.iteration, self.device)  # a dropout's draws too depend on where the training is
        size = self.schedule.image_size(self.iteration, self.epoch)
        loss, items = self.losses(self.to_input(batch, size))
        self.manual_backward(self.scaler.scale(loss))
        if self.schedule.backbone_is_frozen(
            self.epoch
        ):  # without a gradient an optimizer leaves parameter and state alone
            for parameter in self.model.model[0].parameters():
                parameter.grad = None
        self.items = items
        if self.iteration - self.last_step >= self.recipe.accumulate(self.iteration):
            self.step()
            self.last_step = self.iteration
        self.train_losses = {
            name: (self.train_losses[name] * index + value) / (index + 1) if self.train_losses else value
            for name, value in items.items()
        }

    def step(self) -> None:
        """Step as ultralytics does: unscale, clip, step, EMA."""
        assert self.ema is not None
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), max_norm=GRADIENT_NORM)
        self.gradient_norm = norm.detach()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.ema.update(self.model)

    def to_input(self, batch: dict[str, Any], size: int | None = None) -> dict[str, Any]:
        """Return the batch with images 0…1, in the weights' data type, their longer side stretched to `size` pixels."""
        images = batch["img"].to(next(self.model.parameters()).dtype) / 255
        if size is not None and size != max(images.shape[2:]):
            factor, stride = size / max(images.shape[2:]), self.schedule.stride
            shape = [math.ceil(side * factor / stride) * stride for side in images.shape[2:]]
            images = torch.nn.functional.interpolate(images, size=shape, mode="bilinear", align_corners=False)
        if self.compute.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return {**batch, "img": images}

    def losses(self, batch: dict[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a batch (scalar, times the batch size as ultralytics counts it) and its detached parts."""
        with self.autocast():
            predictions = (self.replayed or self.model)(batch["img"])
        # ultralytics computes the loss under fp16 autocast. bfloat16 has 8 bits: the expectation over the 16 bins of a
        # box side would be rounded to a sixteenth of a stride, so there the loss is computed in fp32.
        with self.autocast(self.compute.autocast == torch.float16):
            if self.compute.autocast == torch.bfloat16:
                predictions = _float(predictions)
            loss, items = self.model.loss(batch, predictions)
        return loss.sum(), items

    def autocast(self, enabled: bool = True) -> torch.autocast:
        """Return the context of mixed precision, or one that does nothing in fp32."""
        dtype = self.compute.autocast
        return torch.autocast(self.device.type, dtype=dtype, enabled=enabled and dtype is not None)

    def on_validation_epoch_start(self) -> None:
        """Start counting with the EMA's weights."""
        assert self.ema is not None
        self.val_losses = {}
        self.evaluator.begin(self.ema.ema, self.device)

    def validation_step(self, batch: dict[str, Any], index: int) -> None:
        """Count one batch with the EMA's weights; on CPU in fp32 whatever the training's precision."""
        assert self.ema is not None
        model = self.ema.ema
        batch = self.evaluator.preprocess(batch)
        with self.autocast(self.device.type != "cpu"):
            predictions = model(batch["img"])
            items = model.loss(batch, predictions)[1]
        self.evaluator.update(predictions, batch)
        self.val_losses = {k: self.val_losses.get(k, torch.zeros_like(v)) + v for k, v in items.items()}

    def on_validation_epoch_end(self) -> None:
        """Turn what was counted into metrics."""
        sums, batches = sum_over_processes(self.val_losses, int(sum(self.trainer.num_val_batches)))
        self.val_losses = {k: v / batches for k, v in sums.items()}
        self.metrics = self.evaluator.result(gather_lists)

    def row(self) -> dict[str, float]:
        """Return the epoch's line of metrics.csv; learning rates are those of its last iteration."""
        rates = {f"lr/pg{i}": float(group["lr"]) for i, group in enumerate(self.optimizer.param_groups)}
        return {
            "epoch": self.epoch + 1,
            **{f"train/{name}": float(value) for name, value in self.train_losses.items()},
            **{f"metrics/{name}": self.metrics[name] for name in EPOCH_METRICS},
            **{f"val/{name}": float(value) for name, value in self.val_losses.items()},
            **rates,
        }

    def progress(self, within_epoch: bool = False) -> dict[str, Any]:
        """Return the state that a later start resumes from, as tensors and plain values.

        Args:
            within_epoch: The epoch is not over: its mean losses so far belong to what goes on.
        """
        assert self.ema is not None
        pending = {n: p.grad for n, p in self.model.named_parameters() if p.grad is not None}
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.ema.state_dict(),
            "ema_updates": self.ema.updates,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "loss": getattr(self.model.criterion, "state_dict", dict)(),
            "last_step": self.last_step,
            "pending_gradients": pending,
            "train_losses": dict(self.train_losses) if within_epoch else {},
        }

    def load_progress(self, state: Mapping[str, Any]) -> None:
        """Restore what `progress` returned; the model must be on its device already."""
        assert self.ema is not None
        self.model.load_state_dict(state["model"])
        self.ema.ema.load_state_dict(state["ema"])
        self.ema.updates = state["ema_updates"]
        restore_optimizer(self.optimizer, state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if loss := state.get("loss"):
            self.model.criterion.load_state_dict(loss)
        self.last_step = state["last_step"]
        self.pending_gradients = dict(state["pending_gradients"])
        self.train_losses = {name: value.to(self.device) for name, value in state["train_losses"].items()}

    def recover(self) -> None:
        """Go on from the averaged weights, as ultralytics does after a loss that was not finite."""
        assert self.ema is not None
        self.model.load_state_dict(self.ema.ema.state_dict())
        self.pending_gradients = {}

    @property
    def is_finite(self) -> bool:
        """Whether the epoch's losses and validation losses are numbers."""
        return all(bool(torch.isfinite(v).all()) for v in (*self.train_losses.values(), *self.val_losses.values()))


def _detection_losses(criterion: Any) -> tuple[Any, ...]:
    """Return the losses that assign targets: one for each pair of the head's branches."""
    return (criterion.one2many, criterion.one2one) if isinstance(criterion, EndToEndLoss) else (criterion,)


def _float(value: Any) -> Any:
    """Return nested predictions with every tensor as float32."""
    if isinstance(value, torch.Tensor):
        return value.float()
    if isinstance(value, Mapping):
        return {key: _float(item) for key, item in value.items()}
    return type(value)(_float(item) for item in value) if isinstance(value, list | tuple) else value
