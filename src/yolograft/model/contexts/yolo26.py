"""YOLO26's context."""

from torch import nn

from yolograft.model.contexts.sppf_c2psa import SPPFC2PSA
from yolograft.model.features import Feature
from yolograft.upstream.model import SPPF


class YOLO26Context(SPPFC2PSA):
    """YOLO11's, SPPF without an activation before its pooling and with a shortcut around it (layer 9 of `yolo26.yaml`).

    There is a shortcut where the backbone's last level has as many channels as the context's, and, as in
    `yolo26-p6.yaml`, none on P6.
    """

    def pooling(self, level: Feature, c2: int, kernel: int) -> nn.Module:
        """Return the residual SPPF of a level, from its channels to `c2`."""
        return SPPF(level.channels, c2, kernel, n=3, shortcut=level.name != "P6")
