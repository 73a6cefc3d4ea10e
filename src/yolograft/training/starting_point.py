"""Where a training begins: at the first batch of all, or where a checkpoint left it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StartingPoint:
    """Where a training begins.

    A run that was stopped in its third epoch after five batches goes on with `epoch=2` and `batches_done=5`: the loader
    deals out the same batches as before, the first five of them empty.

    Attributes:
        checkpoint: What `Checkpoints.load` returned; None begins anew.
        batch: Images in a batch, where neither the checkpoint nor the config decides: fewer, after a batch that did not
            fit into memory.
        repetition: How often an epoch was repeated after a loss that was not finite; each repetition draws anew.
    """

    checkpoint: dict[str, Any] | None = None
    batch: int | None = None
    repetition: int = 0

    @property
    def epoch(self) -> int:
        """Epochs that are finished."""
        return int(self._saved("epoch", 0))

    @property
    def batches_done(self) -> int:
        """Batches that are finished of the epoch after them."""
        return int(self._saved("batch", 0))

    @property
    def batch_size(self) -> int | None:
        """Images in a batch; None where the config decides."""
        return self.batch or self._saved("batch_size", None)

    @property
    def attempt(self) -> int:
        """Repetitions of this start and of those before."""
        return max(self.repetition, self._saved("attempt", 0))

    @property
    def repeats(self) -> bool:
        """Whether this start repeats an epoch that failed: then it goes on from the averaged weights."""
        return self.attempt > self._saved("attempt", 0)

    def epochs(self, configured: int) -> int:
        """Return the epochs of the whole training; a time budget may have changed them."""
        return int(self._saved("epochs", configured))

    def is_over(self, configured: int) -> bool:
        """Return whether nothing is left to train."""
        return self.epoch >= self.epochs(configured) or bool(self._saved("stopped_early", False))

    def _saved(self, key: str, otherwise: Any) -> Any:
        return self.checkpoint[key] if self.checkpoint else otherwise
