"""Effects against a pencil, and against statsmodels' formulas."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from yolograft.analysis.effects import Effects, Observation, estimate

Results = dict[tuple[str, str, int], float]
Cells = dict[tuple[str, str], tuple[float, ...]]


def grid(cells: Cells) -> Results:
    return {(a, b, seed): value for (a, b), values in cells.items() for seed, value in enumerate(values)}


def observed(results: Results) -> list[Observation]:
    return [Observation({"A": a, "B": b}, (seed, None), value) for (a, b, seed), value in results.items()]


def effects(results: Results) -> Effects:
    return estimate(observed(results), ["A", "B"])


def values(found: Effects) -> dict[tuple[str, ...], float]:
    return {effect.levels: effect.value for effect in (*found.main, *found.interactions)}


BALANCED = grid({("a1", "b1"): (10, 12), ("a1", "b2"): (14, 17), ("a2", "b1"): (20, 21), ("a2", "b2"): (28, 30)})


def test_a_balanced_design_by_hand() -> None:
    found = effects(BALANCED)
    # cell means 11, 15.5, 20.5, 29: rows 13.25 and 24.75, columns 15.75 and 22.25, all 19
    assert found.mean == pytest.approx(19)
    assert values(found) == pytest.approx(
        {
            ("a1",): -5.75, ("a2",): 5.75, ("b1",): -3.25, ("b2",): 3.25,
            ("a1", "b1"): 1, ("a1", "b2"): -1, ("a2", "b1"): -1, ("a2", "b2"): 1,
        }
    )  # fmt: skip
    assert [effect.n for effect in found.main] == [4] * 4
    assert [effect.n for effect in found.interactions] == [2] * 4
    # eight runs less mean, A, B, A×B and one seed
    assert (found.n, found.df, found.notes) == (8, 3, ())


def formula(results: Results, text: str = "y ~ C(A, Sum) * C(B, Sum) + C(seed, Sum)"):
    table = pd.DataFrame([(*key, value) for key, value in results.items()], columns=["A", "B", "seed", "y"])
    return smf.ols(text, table).fit()


def check_against_statsmodels(results: Results) -> None:
    """Compares with the formula's own coefficients: those of the first levels, for sum coding leaves out the last."""
    found = effects(results)
    fitted = formula(results)
    names: dict[tuple[str, ...], str] = {("a1",): "C(A, Sum)[S.a1]", ("b1",): "C(B, Sum)[S.b1]"}
    names |= {("a1", "b1"): "C(A, Sum)[S.a1]:C(B, Sum)[S.b1]"}
    by_levels = {effect.levels: effect for effect in (*found.main, *found.interactions)}
    for levels, name in names.items():
        low, high = fitted.conf_int().loc[name]
        effect = by_levels[levels]
        assert (effect.value, effect.low, effect.high) == pytest.approx((fitted.params[name], low, high), rel=1e-6)
    assert found.mean == pytest.approx(fitted.params["Intercept"])
    assert found.df == fitted.df_resid


def test_a_balanced_design_as_statsmodels_has_it() -> None:
    check_against_statsmodels(BALANCED)


def test_an_unbalanced_design_as_statsmodels_has_it() -> None:
    cells = {
        ("a1", "b1"): (10.0, 12, 11),
        ("a1", "b2"): (14.0, 17),
        ("a2", "b1"): (20.0, 21, 25),
        ("a2", "b2"): (28.0,),
    }
    check_against_statsmodels(grid(cells))


def test_the_interval_of_a_last_level_is_that_of_a_first_one() -> None:
    """Sum coding gives the last level no coefficient; with the levels renamed it is the first one."""
    cells: Cells = {("a1", "b1"): (10, 12), ("a2", "b1"): (20, 21), ("a3", "b1"): (5.0, 9)}
    turned = {("a3", "b1"): cells["a1", "b1"], ("a2", "b1"): cells["a2", "b1"], ("a1", "b1"): cells["a3", "b1"]}
    last, first = effects(grid(cells)).main[2], effects(grid(turned)).main[0]
    assert (last.levels, first.levels) == (("a3",), ("a1",))
    assert (last.value, last.low, last.high) == pytest.approx((first.value, first.low, first.high))
    assert last.value == pytest.approx(7 - 77 / 6)


def test_what_seeds_share_is_no_error() -> None:
    """A seed that lifts all alike leaves the intervals as they are."""
    lifted = {key: value + (100 if key[2] == 1 else 0) for key, value in BALANCED.items()}
    ends = [(one.low, one.high) for one in effects(BALANCED).main]
    assert [(one.low, one.high) for one in effects(lifted).main] == [pytest.approx(pair) for pair in ends]


def test_a_missing_combination_leaves_the_main_effects() -> None:
    results = {key: value for key, value in BALANCED.items() if key[:2] != ("a2", "b2")}
    found = effects(results)
    assert found.notes == ("A × B: not estimated, no run has a2 + b2",)
    assert found.interactions == ()
    fitted = formula(results, "y ~ C(A, Sum) + C(B, Sum) + C(seed, Sum)")
    assert found.main[0].value == pytest.approx(fitted.params["C(A, Sum)[S.a1]"])


def test_groups_that_vary_together_cannot_be_told_apart() -> None:
    results = {key: value for key, value in BALANCED.items() if key[:2] in (("a1", "b1"), ("a2", "b2"))}
    found = effects(results)
    assert (found.main, found.interactions) == ((), ())
    assert [note.split(":")[0] for note in found.notes] == ["A", "B"]
    assert all("vary together" in note for note in found.notes)


def test_one_group_apart_from_two_that_vary_together_is_estimated() -> None:
    observations = [
        Observation({"A": a, "B": f"b{a}", "C": c}, (seed, None), 10 * (a == "2") + 3 * (c == "y") + noise)
        for noise, (a, c, seed) in enumerate(product("12", "xy", (0, 1)))
    ]
    found = estimate(observations, ["A", "B", "C"])
    assert {effect.groups for effect in found.main} == {("C",)}
    assert {note.split(":")[0] for note in found.notes} == {"A", "B"}


def test_one_run_of_each_has_effects_without_intervals() -> None:
    found = effects({key: value for key, value in BALANCED.items() if key[2] == 0})
    assert values(found)["a1",] == pytest.approx(-6)
    assert {(effect.low, effect.high) for effect in found.main} == {(None, None)}
    assert found.notes == ("one run of each variant: effects without intervals",)


def test_one_run_of_each_has_no_intervals_even_where_the_model_leaves_an_error() -> None:
    """The three-way interaction of a 2 × 2 × 2 grid: no seeds, hence nothing of how they differ."""
    observations = [
        Observation({"A": a, "B": b, "C": c}, (0, None), float(place**3))
        for place, (a, b, c) in enumerate(product("12", "xy", "pq"))
    ]
    found = estimate(observations, ["A", "B", "C"])
    assert found.df == 1
    assert {(effect.low, effect.high) for effect in (*found.main, *found.interactions)} == {(None, None)}


def test_other_seeds_for_each_variant_are_no_blocks() -> None:
    results = {(a, b, 10 * (a == "a2") + seed): value for (a, b, seed), value in BALANCED.items()}
    found = effects(results)
    assert found.main[0].value == pytest.approx(-5.75)
    assert found.notes == ("seeds: not the same for all levels, hence not taken as blocks",)


def test_a_setting_of_many_values_is_passed_over_and_said() -> None:
    observations = [
        Observation({"A": a, "lr0": str(0.01 * place)}, (0, None), float(place))
        for place, a in enumerate(["a1", "a2"] * 5)
    ]
    found = estimate(observations, ["A", "lr0"])
    assert {effect.groups for effect in found.main} == {("A",)}
    assert found.notes[0] == "lr0: 10 values in 10 runs are too many; its effect is in the error"


def test_nothing_that_varies_has_no_effects() -> None:
    assert effects({("a1", "b1", 0): 1.0}).main == ()
    assert estimate([], ["A"]).mean is None


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=18, max_size=18),
    st.sets(st.integers(0, 17), max_size=5),
    st.floats(-1, 1),
)
def test_shifting_a_level_shifts_its_effect_and_no_other_groups(
    numbers: Sequence[float], missing: set[int], shift: float
) -> None:
    """Three levels × two × three seeds, some runs missing: balanced or not, the rest stays what it is."""
    keys = list(product(("a1", "a2", "a3"), ("b1", "b2"), (0, 1, 2)))
    before = {
        key: number for place, (key, number) in enumerate(zip(keys, numbers, strict=True)) if place not in missing
    }
    after = {key: value + (shift if key[0] == "a2" else 0) for key, value in before.items()}
    old, new = effects(before), effects(after)
    assert new.notes == old.notes
    for a, b in zip((*old.main, *old.interactions), (*new.main, *new.interactions), strict=True):
        shifted: dict[tuple[str, ...], float] = {("a2",): shift * 2 / 3, ("a1",): -shift / 3, ("a3",): -shift / 3}
        moved = shifted.get(a.levels, 0.0)
        assert b.value == pytest.approx(a.value + moved, abs=1e-9)
        if a.low is not None and b.low is not None and a.high is not None and b.high is not None:
            assert (b.high - b.low) == pytest.approx(a.high - a.low, rel=1e-4, abs=1e-7)


def test_effects_add_up_to_the_cell_means() -> None:
    found = effects(BALANCED)
    told = values(found)
    means = {(a, b): np.mean([BALANCED[a, b, seed] for seed in (0, 1)]) for a, b, _ in BALANCED}
    assert found.mean is not None
    for (a, b), mean in means.items():
        assert found.mean + told[a,] + told[b,] + told[a, b] == pytest.approx(mean)
