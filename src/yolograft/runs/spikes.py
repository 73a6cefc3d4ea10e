"""Where the axis of a loss ends, so that one spike does not flatten all the rest."""

import math
from collections.abc import Iterable

_FAR = 10.0
"""How many times the median a value may be before the axis leaves it out: losses fall to a tenth at most, mostly."""


def axis_top(values: Iterable[float]) -> float | None:
    """Return the largest value that an axis shall still show; None where it can show all of them.

    Args:
        values: The losses drawn on it, 0 or more; what is not finite is not drawn and does not count.
    """
    known = sorted(value for value in values if math.isfinite(value))
    far = _FAR * known[(len(known) - 1) // 2] if known else 0.0
    if far <= 0 or known[-1] <= far:
        return None
    return max(value for value in known if value <= far)
