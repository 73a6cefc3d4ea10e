"""Main effects and pairwise interactions of the choices in the groups that vary.

A linear model with sum coding, fitted by least squares: the effect of a level is how far the metric lies from the mean
over the levels of its group, the levels of all other groups weighted alike. Seeds (and folds) are blocks: what they
share does not count as error.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

from yolograft.analysis.collect import Block
from yolograft.analysis.statistics import LEVEL

if TYPE_CHECKING:
    import numpy as np

    Matrix = np.ndarray[Any, np.dtype[np.float64]]

_MOST_LEVELS = 20
_MOST_NAMED = 4


@dataclass(frozen=True)
class Observation:
    """One finished run: its level in each group, its seed and fold, its result."""

    levels: Mapping[str, str]
    block: Block
    value: float


@dataclass(frozen=True)
class Effect:
    """What a level, or two levels together beyond the sum of their own effects, adds to the mean.

    Attributes:
        groups: One group (main effect) or two (interaction).
        levels: The level in each of them.
        value: The estimate.
        low: Lower end of its 95 % interval; None with one seed, or without degrees of freedom for the error.
        high: Its upper end.
        n: Number of runs with these levels.
    """

    groups: tuple[str, ...]
    levels: tuple[str, ...]
    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Effects:
    """The effects of a comparison.

    Attributes:
        main: Effects of single levels, group by group.
        interactions: Effects of pairs of levels, pair of groups by pair of groups.
        mean: The mean that they add to; None where nothing was estimated.
        n: Number of runs.
        df: Degrees of freedom of the error.
        notes: What cannot be estimated and why, a line each.
    """

    main: tuple[Effect, ...] = ()
    interactions: tuple[Effect, ...] = ()
    mean: float | None = None
    n: int = 0
    df: int = 0
    notes: tuple[str, ...] = ()


def estimate(observations: Sequence[Observation], groups: Sequence[str]) -> Effects:
    """Estimate main effects and pairwise interactions, for balanced and unbalanced designs.

    An interaction enters the model where every pair of its levels was run and the others leave it estimable; a main
    effect that is not estimable is left out. What is left out is named in `notes`.

    Args:
        observations: The finished runs.
        groups: The groups that may vary among them; those with one level are passed over.
    """
    notes: list[str] = []
    factors = {}
    for group in groups:
        levels = list(dict.fromkeys(one.levels[group] for one in observations))
        if len(levels) > min(_MOST_LEVELS, len(observations) / 2) and len(levels) > 2:
            notes.append(
                f"{group}: {len(levels)} values in {len(observations)} runs are too many; its effect is in the error"
            )
        elif len(levels) > 1:
            factors[group] = sorted(levels)
    if not factors:
        return Effects(n=len(observations), notes=tuple(notes))

    blocks = {one.block for one in observations}
    variants = {tuple(one.levels[group] for group in groups) for one in observations}
    replicated = len(variants) < len(observations)
    design = _Design(observations, factors)
    if len(blocks) > 1:
        if design.with_blocks().estimable(factors) == design.estimable(factors):
            design = design.with_blocks()
        else:
            notes.append("seeds: not the same for all levels, hence not taken as blocks")
    estimable = design.estimable(factors)
    notes += [
        f"{group}: its effect cannot be separated from that of another group: they vary together"
        for group in factors
        if group not in estimable
    ]
    pairs: list[tuple[str, str]] = []
    for pair in combinations(estimable, 2):
        if missing := design.missing(pair):
            notes.append(f"{' × '.join(pair)}: not estimated, {missing}")
            continue
        larger = design.with_pair(pair)
        if larger.gain(design) and larger.estimable(factors) == estimable and (larger.df > 0 or not replicated):
            design, pairs = larger, [*pairs, pair]
        else:
            notes.append(f"{' × '.join(pair)}: not estimated, too few combinations were run")
    if not replicated:
        notes.append("one run of each variant: effects without intervals")
    return design.fit(estimable, pairs, replicated, notes)


class _Design:
    """The model matrix with sum coding, term by term."""

    def __init__(self, observations: Sequence[Observation], factors: Mapping[str, Sequence[str]]) -> None:
        import numpy as np

        self.observations, self.factors = observations, factors
        self.terms: dict[tuple[str, ...], Matrix] = {(): np.ones((len(observations), 1))}
        for group, levels in factors.items():
            self.terms[group,] = np.stack([_coded(levels, one.levels[group]) for one in observations])

    @property
    def matrix(self) -> "Matrix":
        import numpy as np

        return np.hstack(list(self.terms.values()))

    @property
    def rank(self) -> int:
        import numpy as np

        return int(np.linalg.matrix_rank(self.matrix))

    @property
    def df(self) -> int:
        return len(self.observations) - self.rank

    def with_blocks(self) -> "_Design":
        import numpy as np

        blocks = list(dict.fromkeys(one.block for one in self.observations))
        return self._with(("", "blocks"), np.stack([_coded(blocks, one.block) for one in self.observations]))

    def with_pair(self, pair: tuple[str, str]) -> "_Design":
        first, second = (self.terms[group,] for group in pair)
        return self._with(pair, (first[:, :, None] * second[:, None, :]).reshape(len(first), -1))

    def _with(self, term: tuple[str, ...], columns: "Matrix") -> "_Design":
        made = _Design(self.observations, self.factors)
        made.terms = {**self.terms, term: columns}
        return made

    def gain(self, smaller: "_Design") -> bool:
        """Return whether every column beyond those of a smaller design adds to the rank."""
        return self.rank - smaller.rank == self.matrix.shape[1] - smaller.matrix.shape[1]

    def missing(self, pair: tuple[str, str]) -> str:
        """Return which combinations of two groups' levels no run has, in words; nothing where each was run."""
        run = {tuple(one.levels[group] for group in pair) for one in self.observations}
        wanted = list(product(*(self.factors[group] for group in pair)))
        lacking = [" + ".join(level or "-" for level in levels) for levels in wanted if levels not in run]
        if len(lacking) > _MOST_NAMED:
            return f"{len(lacking)} of {len(wanted)} combinations were not run"
        return f"no run has {', '.join(lacking)}" if lacking else ""

    def estimable(self, groups: Mapping[str, Sequence[str]]) -> list[str]:
        """Return the groups all of whose main effects are estimable."""
        return [g for g, levels in groups.items() if self.is_estimable(self.contrast((g,), (x,)) for x in levels)]

    def is_estimable(self, contrasts: "Iterable[Matrix]") -> bool:
        """Return whether contrasts are estimable, even where single coefficients are not.

        A contrast c is estimable if it lies in the row space of the design X: c X⁺ X = c.
        """
        import numpy as np

        matrix = self.matrix
        known = np.linalg.pinv(matrix) @ matrix
        return all(np.allclose(one @ known, one, atol=1e-8) for one in contrasts)

    def contrast(self, term: tuple[str, ...], levels: tuple[str, ...]) -> "Matrix":
        """Return the contrast of some levels: the weights of the coefficients in their effect."""
        import numpy as np

        own: Any = np.ones(1)
        for group, level in zip(term, levels, strict=True):
            own = np.kron(own, _coded(self.factors[group], level))
        return np.concatenate([own if t == term else np.zeros(m.shape[1]) for t, m in self.terms.items()])

    def fit(
        self, groups: Sequence[str], pairs: Sequence[tuple[str, str]], replicated: bool, notes: Sequence[str]
    ) -> Effects:
        import numpy as np
        from statsmodels.regression.linear_model import OLS

        terms: list[tuple[str, ...]] = [*((group,) for group in groups), *pairs]
        wanted = [(term, levels) for term in terms for levels in product(*(self.factors[group] for group in term))]
        values = np.array([one.value for one in self.observations])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of coefficients that are not estimable: they are in no contrast
            fitted = OLS(values, self.matrix).fit()
        contrasts = np.stack([self.contrast((), ()), *(self.contrast(*each) for each in wanted)])
        estimates = contrasts @ fitted.params
        spread = replicated and self.df > 0 and fitted.mse_resid > (1e-12 * np.abs(values).max()) ** 2
        ends = fitted.t_test(contrasts).conf_int(1 - LEVEL) if spread else None
        effects = [
            Effect(
                term,
                levels,
                float(estimates[place]),
                None if ends is None else float(ends[place, 0]),
                None if ends is None else float(ends[place, 1]),
                sum(all(one.levels[g] == x for g, x in zip(term, levels, strict=True)) for one in self.observations),
            )
            for place, (term, levels) in enumerate(wanted, start=1)
        ]
        return Effects(
            main=tuple(effect for effect in effects if len(effect.groups) == 1),
            interactions=tuple(effect for effect in effects if len(effect.groups) == 2),
            mean=float(estimates[0]) if self.is_estimable(contrasts[:1]) else None,
            n=len(values),
            df=self.df,
            notes=tuple(notes),
        )


def _coded(levels: Sequence[object], level: object) -> "Matrix":
    """Return a level in sum coding: one column fewer than levels; the last level is -1 in all of them.

    With levels a, b, c: a is (1, 0), b is (0, 1), c is (-1, -1), so that the effects add up to zero.
    """
    import numpy as np

    return np.eye(len(levels))[levels.index(level), :-1] if level != levels[-1] else -np.ones(len(levels) - 1)
