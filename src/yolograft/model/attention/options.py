"""Options that several attentions have."""


def hidden_channels(channels: int, reduction: int, least: int = 1) -> int:
    """Return the channels of a bottleneck.

    Args:
        channels: Of the map.
        reduction: Channels for each one of the bottleneck.
        least: No fewer than these.

    Raises:
        ValueError: The reduction is below 1.
    """
    if reduction < 1:
        raise ValueError(f"needs a reduction of at least 1, not {reduction}")
    return max(channels // reduction, least)


def require_odd(kernel: int) -> None:
    """Refuse a kernel that has no middle.

    Raises:
        ValueError: It is not odd.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"needs an odd kernel, not {kernel}")


def require_divisor(channels: int, groups: int) -> None:
    """Refuse groups of channels that are not of one size.

    Raises:
        ValueError: The channels cannot be divided so.
    """
    if groups < 1 or channels % groups:
        raise ValueError(f"needs groups that divide the {channels} channels, not {groups}")
