"""YOLO26's context."""

from torch import nn

from yolograft.model.contexts.sppf_c2psa import SPPFC2PSA
from yolograft.upstream.model import SPPF


class YOLO26Context(SPPFC2PSA):
    """YOLO11's, SPPF without an activation before its pooling and with a shortcut around it (layer 9 of `yolo26.yaml`).

    There is a shortcut where the backbone's P5 has as many channels as the context's.
    """

    def pooling(self, c1: int, c2: int, kernel: int) -> nn.Module:
        """Return the residual SPPF, from `c1` channels to `c2`."""
        return SPPF(c1, c2, kernel, n=3, shortcut=True)
