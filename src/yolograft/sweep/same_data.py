"""The runs of one sweep must have seen the same data, or their numbers do not compare."""

import json
from collections.abc import Sequence

from yolograft.config.jobs import Job
from yolograft.training.data_sets import fingerprint_now, refuse_other_data
from yolograft.training.record import read_record


def refuse_changed_data(jobs: Sequence[Job]) -> None:
    """Refuse a sweep some of whose runs were finished on other images or labels: their numbers would not compare.

    Raises:
        UserError: Naming the first of them.
    """
    now: dict[str, str | None] = {}
    for job in jobs:
        record = read_record(job.folder / "run.json") or {}
        if record.get("status") == "finished" and record.get("identity") == job.identity:
            data = json.dumps([job.config[key] for key in ("dataset", "single_cls", "fraction")], default=str)
            if data not in now:
                now[data] = fingerprint_now(job.config)
            refuse_other_data(job.folder, record, now[data])
