"""Single differences against a pencil, and against statsmodels."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from yolograft.analysis.collect import Block
from yolograft.analysis.statistics import Difference, corrected, paired, relative, summarize


def by_seed(*values: float) -> dict[Block, float]:
    return {(seed, None): value for seed, value in enumerate(values)}


def test_mean_and_standard_deviation_of_a_sample() -> None:
    summary = summarize(by_seed(0.50, 0.55, 0.54))
    assert summary is not None
    # deviations -0.03, 0.02, 0.01: their squares are 0.0014 in all, over two
    assert (summary.n, summary.mean, summary.sd) == (3, pytest.approx(0.53), pytest.approx(math.sqrt(0.0007)))


def test_one_run_has_no_standard_deviation_and_none_has_no_summary() -> None:
    one = summarize(by_seed(0.5))
    assert one is not None
    assert (one.n, one.sd) == (1, None)
    assert summarize({}) is None


def test_the_paired_difference_by_hand() -> None:
    found = paired(by_seed(0.52, 0.58, 0.53), by_seed(0.50, 0.55, 0.54))
    assert found is not None
    # 0.02, 0.03, -0.01: mean 0.04/3; sd 0.020817; standard error 0.012019; t(2 df, 97.5 %) = 4.302653
    assert found.value == pytest.approx(0.0133333, abs=1e-6)
    assert (found.low, found.high) == (pytest.approx(-0.038378, abs=1e-6), pytest.approx(0.065045, abs=1e-6))
    # with two degrees of freedom p = 1 - t/√(2 + t²), t = 1.109400
    assert found.p == pytest.approx(1 - 1.109400 / math.sqrt(2 + 1.109400**2), abs=1e-6)
    assert (found.n, found.left_out, found.p_holm, found.significant) == (3, (), None, None)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8))
def test_the_interval_and_p_are_statsmodels(pairs: list[tuple[float, float]]) -> None:
    found = paired(by_seed(*(a for a, _ in pairs)), by_seed(*(b for _, b in pairs)))
    assert found is not None
    if found.p is None:
        return
    theirs = DescrStatsW([a - b for a, b in pairs])
    assert (found.low, found.high) == pytest.approx(theirs.tconfint_mean(0.05), rel=1e-6, abs=1e-12)
    assert found.p == pytest.approx(theirs.ttest_mean(0)[1], rel=1e-6, abs=1e-12)


def test_seeds_that_only_one_side_has_are_left_out_and_said() -> None:
    found = paired({(0, None): 0.5, (1, None): 0.6, (3, None): 0.9}, {(1, None): 0.5, (0, None): 0.4, (2, None): 0.1})
    assert found is not None
    assert (found.value, found.n) == (pytest.approx(0.1), 2)
    assert found.left_out == ((3, None), (2, None))


def test_folds_are_paired_with_their_like() -> None:
    found = paired({(0, 0): 0.5, (0, 1): 0.7}, {(0, 1): 0.6, (0, 0): 0.3})
    assert found is not None
    assert dict(found.pairs) == {(0, 0): pytest.approx(0.2), (0, 1): pytest.approx(0.1)}


def test_no_seed_in_common_is_no_difference() -> None:
    assert paired({(0, None): 0.5}, {(1, None): 0.4}) is None


def test_one_pair_says_nothing_of_significance() -> None:
    found = paired(by_seed(0.5), by_seed(0.4))
    assert found is not None
    assert (found.value, found.low, found.high, found.p) == (pytest.approx(0.1), None, None, None)


def test_equal_differences_say_nothing_of_their_spread() -> None:
    # 0.3 - 0.2 and 0.2 - 0.1 differ in the last bit
    found = paired(by_seed(0.3, 0.2), by_seed(0.2, 0.1))
    assert found is not None
    assert found.pairs[0, None] != found.pairs[1, None]
    assert (found.low, found.high, found.p) == (None, None, None)


def with_p(p: float | None) -> Difference:
    return Difference(0.1, 3, 0.0, 0.2, p, None, (), {})


def test_holm_by_hand() -> None:
    made = corrected([with_p(0.03), None, with_p(0.01), with_p(None), with_p(0.04), with_p(0.012)])
    # smallest times 4, next times 3, then times 2, times 1, none below the one before it
    assert [one and one.p_holm for one in made] == [
        pytest.approx(0.06), None, pytest.approx(0.04), None, pytest.approx(0.06), pytest.approx(0.04),
    ]  # fmt: skip
    assert [one and one.significant for one in made] == [False, None, True, None, False, True]


def test_nothing_to_correct_is_left_as_it_is() -> None:
    assert corrected([None, with_p(None)]) == [None, with_p(None)]
    assert corrected([]) == []


def test_relative_costs() -> None:
    assert relative(91.0, 100.0) == pytest.approx(-0.09)
    assert (relative(None, 1.0), relative(1.0, None), relative(1.0, 0.0)) == (None, None, None)


def test_the_worked_example_of_the_module_holds() -> None:
    baseline: dict[Block, float] = {(0, None): 0.500, (1, None): 0.510, (2, None): 0.490}
    values: dict[Block, float] = {(0, None): 0.520, (1, None): 0.531, (2, None): 0.509}
    found = paired(values, baseline)
    assert found is not None
    assert (found.low, found.high, found.p) == pytest.approx((0.0175, 0.0225, 0.0008), abs=5e-5)
