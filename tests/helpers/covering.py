"""Covering arrays: few combinations of values in which every pair of values of two factors occurs."""

from collections.abc import Mapping, Sequence
from itertools import combinations


def pairwise(factors: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return combinations, each a value per factor, that hold every pair of values of any two factors.

    Greedy, as AETG (Cohen et al., IEEE TSE 1997): a row starts with a pair that is not covered yet, and every other
    factor takes the value that covers the most pairs with what stands there already.
    """
    left = {
        frozenset(((one, a), (other, b)))
        for one, other in combinations(factors, 2)
        for a in factors[one]
        for b in factors[other]
    }
    order = sorted(left, key=sorted)
    rows = []
    for pair in order:
        if pair not in left:
            continue
        row = dict(pair)
        for name in sorted(factors, key=lambda factor: -len(factors[factor])):
            if name not in row:
                row[name] = max(
                    factors[name],
                    key=lambda value: sum(frozenset(((name, value), item)) in left for item in row.items()),
                )
        left -= {frozenset(items) for items in combinations(row.items(), 2)}
        rows.append(row)
    return rows
