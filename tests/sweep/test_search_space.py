"""Hydra's ranges as Optuna's distributions, and proposals that are new."""

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection

from yolograft.common.errors import UserError
from yolograft.sweep.proposals import NewProposals, NothingNewError, distribution, make_sampler, short
from yolograft.sweep.search_space import check_space, ends, probes

optuna.logging.set_verbosity(optuna.logging.WARNING)


def parsed(*texts: str) -> list[Override]:
    return list(OverridesParser.create().parse_overrides(list(texts)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=a,b", CategoricalDistribution(["a", "b"])),
        ("x=choice(0.1,1)", CategoricalDistribution(["0.1", "1"])),
        ("x=range(1,5)", IntDistribution(1, 4)),
        ("x=range(32,161,32)", IntDistribution(32, 160, step=32)),
        ("x=range(5,1,-2)", IntDistribution(3, 5, step=2)),
        ("x=tag(log,range(1,65))", IntDistribution(1, 64, log=True)),
        ("x=range(0.1,0.5,0.1)", FloatDistribution(0.1, 0.4, step=0.1)),
        ("x=interval(0,1)", FloatDistribution(0, 1)),
        ("x=int(interval(1,9))", IntDistribution(1, 9)),
        ("x=tag(log,interval(1e-4,1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
    ],
)
def test_hydras_ranges_are_drawn_from_as_they_read(text: str, expected: optuna.distributions.BaseDistribution) -> None:
    (override,) = parsed(text)
    assert distribution(override) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x=interval(2,1)", "from a smaller to a larger"),
        ("x=interval(1,1)", "from a smaller to a larger"),
        ("x=range(3,3)", "empty"),
        ("x=tag(log,interval(0,1))", "begins above 0"),
        ("x=tag(log,range(1,9,2))", "no step"),
        ("x=tag(log,choice(a,b))", "needs numbers"),
        ("x=tag(logarithmic,interval(1,2))", "only log is known"),
    ],
)
def test_a_range_that_cannot_be_drawn_from_is_refused(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_space(parsed(text))


def test_every_value_of_a_space_is_probed_once() -> None:
    jobs = list(probes(parsed("a=1,2,3", "b=interval(0.5,2)", "c=range(1,100)", "d=9")))
    assert jobs[0] == ["a=1", "b=0.5", "c=1", "d=9"]
    assert [set(job) - set(jobs[0]) for job in jobs[1:]] == [{"a=2"}, {"a=3"}, {"b=2.0"}, {"c=99"}]


def test_the_later_of_two_overrides_counts() -> None:
    assert list(probes(parsed("a=1,2", "a=interval(3,4)"))) == [["a=3.0"], ["a=4.0"]]


def test_ends_are_those_of_the_range() -> None:
    assert [ends(o) for o in parsed("a=range(0,1,0.25)", "b=int(interval(2,7))")] == [["0.0", "0.75"], ["2", "7"]]


@pytest.mark.parametrize(
    ("value", "space", "expected"),
    [
        (0.0012345678, FloatDistribution(1e-4, 1e-2, log=True), 0.001235),
        (0.123456789, FloatDistribution(0, 1), 0.123),
        (1000.123456789, FloatDistribution(1000.1, 1000.2), 1000.1235),
        (0.30000000000000004, FloatDistribution(0.1, 0.4, step=0.1), 0.3),
        (0.00999999, FloatDistribution(1e-4, 0.0099995, log=True), 0.0099995),
        (7, IntDistribution(1, 9), 7),
        ("a", CategoricalDistribution(["a"]), "a"),
    ],
)
def test_numbers_are_as_long_as_a_folders_name_can_bear(
    value: float, space: optuna.distributions.BaseDistribution, expected: float
) -> None:
    assert short(value, space) == expected


@pytest.mark.parametrize("name", ["tpe", "nsga2", "random"])
def test_no_proposal_comes_twice_and_a_small_space_is_emptied(name: str) -> None:
    space = {"a": CategoricalDistribution(["1", "2", "3"]), "b": IntDistribution(0, 3)}
    directions = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE][: 2 if name == "nsga2" else 1]
    study, seen = optuna.create_study(directions=directions), set()
    for number in range(12):
        study.sampler = NewProposals(
            make_sampler(name, number, 12),
            make_sampler("random", number, 12),
            dict(space),
            lambda params: tuple(params.values()) not in seen,
        )
        trial = study.ask(dict(space))
        assert tuple(trial.params.values()) not in seen
        seen.add(tuple(trial.params.values()))
        study.tell(trial, [float(trial.params["b"])] * len(directions))
    assert len(seen) == 12
    with pytest.raises(NothingNewError):
        study.ask(dict(space))
