"""A comparison as a pandas data frame."""

from typing import TYPE_CHECKING, Literal

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.plain_values import run_rows, variant_rows

if TYPE_CHECKING:
    import pandas as pd


def to_frame(comparison: Comparison, of: Literal["variants", "runs"] = "variants") -> "pd.DataFrame":
    """Return the numbers of a comparison as a data frame, with the columns of `comparison.csv` or `runs.csv`.

    Columns of variants are, among others: `variant`, one for each group that varies, `n`, each metric with its standard
    deviation (`mAP50-95`, `mAP50-95_sd`), `difference` with `difference_low`, `difference_high`, `difference_p_holm`,
    and the costs (`params`, `gflops`, `seconds`). What is unknown is missing (NaN, NaT or None).

    Args:
        comparison: The comparison.
        of: `variants` for a row per variant, the best first; `runs` for a row per run, grouped by variant.
    """
    import pandas as pd

    rows = variant_rows if of == "variants" else run_rows
    return pd.DataFrame.from_records(rows(comparison, comparison.rows))
