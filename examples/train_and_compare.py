"""Train two variants with two seeds each, and compare them."""

import sys

import yolograft


def main(overrides: list[str]) -> None:
    """Train, then print what came out; given again, it skips what is done."""
    records = yolograft.train(["neck=conv,gsconv", "seed=0,1", "name=two-necks", *overrides], multirun=True)
    for record in records:
        print(record.name, record.status, record.measured("mAP50-95"))

    result = yolograft.compare("multirun/two-necks")
    print(result.table[["neck", "n", "mAP50-95", "params", "gflops"]].to_string(index=False))

    best = yolograft.load(records[0].folder)
    print("classes:", ", ".join(best.names.values()))


if __name__ == "__main__":  # the runs of a sweep are trained in processes of their own, which import this file
    main(sys.argv[1:])
