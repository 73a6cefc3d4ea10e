"""YOLO11: what is special about it beside its parts.

Its parts are `backbones/yolo11.py`, `contexts/sppf_c2psa.py`, `necks/conv.py`, `heads/detect.py`, `losses/ciou.py`; its
scales are the files of `conf/scale`.
"""

from yolograft.model.bases.base import Base, Role

YOLO11 = Base(
    choices={"backbone": "yolo11", "context": "sppf_c2psa", "neck": "conv", "head": "detect", "loss": "ciou"},
    loss="yolograft.model.losses.ciou.CIoULoss",
    # Layers 11, 12, 14, 15, 18 and 21 up-sample or concatenate and hold nothing.
    roles=(
        Role(0, "backbone.stem", "Conv"),
        Role(1, "backbone.down2", "Conv"),
        Role(2, "backbone.stage2", "C3k2"),
        Role(3, "backbone.down3", "Conv"),
        Role(4, "backbone.stage3", "C3k2"),
        Role(5, "backbone.down4", "Conv"),
        Role(6, "backbone.stage4", "C3k2"),
        Role(7, "backbone.down5", "Conv"),
        Role(8, "backbone.stage5", "C3k2"),
        Role(9, "context.sppf", "SPPF"),
        Role(10, "context.psa", "C2PSA"),
        Role(13, "neck.top_p4", "C3k2"),
        Role(16, "neck.out_p3", "C3k2"),
        Role(17, "neck.down_p4", "Conv"),
        Role(19, "neck.out_p4", "C3k2"),
        Role(20, "neck.down_p5", "Conv"),
        Role(22, "neck.out_p5", "C3k2"),
        Role(23, "head", "Detect"),
    ),
)
