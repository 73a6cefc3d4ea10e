"""Read a finished sweep into pandas: one row per variant, one per run, and the curves."""

import sys
from pathlib import Path

import pandas as pd

import yolograft


def main(sweep: str) -> None:
    """Print what a sweep's folder holds."""
    result = yolograft.compare(sweep)
    print(result.table.describe(include="all").T.to_string())

    runs = result.runs
    print(runs.groupby("variant")["mAP50-95"].agg(["count", "mean", "std"]).to_string())

    curves = pd.concat({run: pd.read_csv(Path(run, "metrics.csv")) for run in runs["path"]}, names=["run"])
    print(curves.groupby("run")["metrics/mAP50-95"].max().to_string())


if __name__ == "__main__":
    main(*sys.argv[1:])
