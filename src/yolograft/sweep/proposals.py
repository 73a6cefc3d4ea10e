"""What a search may try next: Hydra's ranges as Optuna's distributions, and proposals that are new."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from yolograft.sweep.search_space import numbers

_TRIES = 100
_SMALL = 1000
"""Combinations of a space that is gone through when drawing finds nothing new."""


class NothingNewError(Exception):
    """Nothing is left to propose, or all that was drawn is refused."""


def distribution(override: Override) -> BaseDistribution:
    """Return what a sweep override draws from.

    `a,b` and `choice(a,b)` are categories; `range(…)` is ordered and ends before its stop, as in a grid; `interval(…)`
    is continuous, or whole numbers as `int(interval(…))`; `tag(log, …)` draws magnitudes.
    """
    value = override.value()
    log = "log" in getattr(value, "tags", ())
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        return (IntDistribution if whole else FloatDistribution)(value.start, value.end, log=log)  # type: ignore[arg-type]
    if isinstance(value, RangeSweep):
        steps = numbers(value)
        if isinstance(steps[0], int):
            return IntDistribution(steps[0], int(steps[-1]), log=log, step=1 if log else int(abs(value.step)))
        return FloatDistribution(steps[0], steps[-1], step=abs(float(value.step)))
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def make_sampler(name: str, seed: int, n_trials: int) -> BaseSampler:
    """Return Optuna's sampler of a name: `tpe`, `nsga2` or `random`."""
    if name == "random":
        return RandomSampler(seed=seed)
    if name == "nsga2":  # Optuna's generations of 50 would be longer than most searches here
        return NSGAIISampler(seed=seed, population_size=max(4, min(50, n_trials // 5)))
    return TPESampler(seed=seed)


class NewProposals(BaseSampler):
    """Asks another sampler until it proposes something that is accepted, so that no trial is a repetition.

    Args:
        inner: The sampler.
        elsewhere: Draws when that finds nothing new.
        space: What is searched, by key.
        accept: Whether a proposal may be tried.
    """

    def __init__(
        self,
        inner: BaseSampler,
        elsewhere: BaseSampler,
        space: dict[str, BaseDistribution],
        accept: Callable[[dict[str, Any]], bool],
    ) -> None:
        self.inner, self.elsewhere, self.space, self.accept = inner, elsewhere, space, accept

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All keys are drawn together: it is their combination that must be new."""
        return self.space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw until a proposal is accepted.

        Raises:
            NothingNewError: After many tries in vain.
        """
        if "fixed_params" in trial.system_attrs:  # one that is tried again: nothing is drawn
            return {}
        for params in self._draws(study, trial):
            if self.accept(params):
                return params
        raise NothingNewError

    def _draws(self, study: Study, trial: FrozenTrial) -> Iterator[dict[str, Any]]:
        for attempt in range(2 * _TRIES):
            # A sampler keeps to what was good; where all of that was tried, look elsewhere.
            sampler = self.inner if attempt < _TRIES else self.elsewhere
            drawn = sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))
            yield {
                name: short(
                    drawn[name] if name in drawn else sampler.sample_independent(study, trial, name, space), space
                )
                for name, space in self.space.items()
            }
        yield from combinations(self.space) or ()

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one key by itself."""
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """As the sampler asked."""
        self.inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """As the sampler asked."""
        self.inner.after_trial(study, trial, state, values)


def short(value: Any, space: BaseDistribution) -> Any:
    """Round a number as a person would write it: it stands in the names of folders, and finer steps change nothing.

    Four significant digits on a logarithmic scale, a thousandth of the interval or finer on a linear one.
    """
    if not isinstance(space, FloatDistribution) or space.single():
        return value
    if space.step is not None:
        return float(f"{value:.12g}")
    digits = 3 - math.floor(math.log10(abs(value) if space.log else space.high - space.low))
    return min(max(round(value, digits), space.low), space.high)


def combinations(space: Mapping[str, BaseDistribution]) -> Iterator[dict[str, Any]] | None:
    """Return all that a space holds, where that is little; otherwise None."""
    values = [_values(axis) for axis in space.values()]
    if not all(values) or math.prod(map(len, values)) > _SMALL:
        return None
    return (dict(zip(space, combination, strict=True)) for combination in itertools.product(*values))


def _values(space: BaseDistribution) -> Sequence[Any]:
    """Return all values of a discrete distribution; none for a continuous one."""
    if isinstance(space, CategoricalDistribution):
        return space.choices
    if isinstance(space, IntDistribution):
        return range(space.low, space.high + 1, space.step)
    assert isinstance(space, FloatDistribution)
    if space.step is None:
        return ()
    return [short(space.low + i * space.step, space) for i in range(round((space.high - space.low) / space.step) + 1)]
