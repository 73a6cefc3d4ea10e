"""The normalized Wasserstein distance, for small objects."""

from torch import Tensor

from yolograft.model.losses.pairs import EPS, BoxPairs


def normalized_wasserstein(pairs: BoxPairs, size: float) -> Tensor:
    """Return how alike the boxes are as normal distributions, [N, 1]: 1 where they are the same.

    exp(−W / C), W² = |(x, y, w/2, h/2) − (x*, y*, w*/2, h*/2)|², in pixels (Wang et al., "A normalized Gaussian
    Wasserstein distance for tiny object detection", arXiv 2110.13389, eq. 8 and 9). Unlike IoU it falls off smoothly
    for boxes of a few pixels that do not meet.

    Args:
        pairs: The boxes.
        size: C, the usual size of an object in pixels.
    """
    (aw, bw), (ah, bh) = pairs.width, pairs.height
    squared = pairs.distance2 + ((aw - bw).square() + (ah - bh).square()) / 4
    # EPS lies under the root, whose slope at 0 is infinite.
    cells = (squared + EPS).sqrt()
    return (-cells * (1 if pairs.stride is None else pairs.stride) / size).exp()


class NWDShare:
    """Mixes a box term with the normalized Wasserstein distance: (1 − share) · L + share · (1 − NWD).

    Args:
        share: The distance's share, 0 to 1.
        size: The usual size of an object in pixels; the paper takes the mean of its data set, 12.8 for AI-TOD.
    """

    def __init__(self, share: float, size: float) -> None:
        self.share = share
        self.size = size

    def __call__(self, loss: Tensor, pairs: BoxPairs) -> Tensor:
        """Return the mixed losses, [N, 1]."""
        return (1 - self.share) * loss + self.share * (1 - normalized_wasserstein(pairs, self.size))
