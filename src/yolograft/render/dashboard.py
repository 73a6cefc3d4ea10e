"""The dashboard of a sweep in W&B: a saved workspace and a report, as wandb-workspaces describes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from yolograft.analysis.collect import Run
from yolograft.analysis.variants import variants
from yolograft.common.errors import UserError
from yolograft.common.metrics import BUILT, RECORDED_COSTS
from yolograft.tasks.detect import DETECT

COSTS = tuple(key for key in RECORDED_COSTS if key in BUILT)
"""What a variant costs, under its names in W&B's summary."""

_GROUPS = ("backbone", "neck", "scale")
"""What runs are grouped by where no folder is given, so that nothing is known to vary."""


@dataclass(frozen=True)
class Plan:
    """What a dashboard shows.

    Attributes:
        name: What workspace and report are called.
        project: W&B's project.
        entity: Its owner; None for the key's own.
        sweeps: Names of the sweeps whose runs are shown; empty for all runs of the project.
        groups: W&B's config keys that vary, such as `choices.backbone`; the seed is not among them.
        metric: What is compared.
    """

    name: str
    project: str
    entity: str | None
    sweeps: tuple[str, ...]
    groups: tuple[str, ...]
    metric: str


def plan(
    runs: Sequence[Run], sweeps: Sequence[str], *, project: str, entity: str | None, name: str | None, metric: str
) -> Plan:
    """Work out what a dashboard shows.

    Args:
        runs: The runs on disk; what varies between them is what W&B groups by.
        sweeps: Names of their sweeps, which are W&B's groups.
        project: W&B's project.
        entity: Its owner; None for the key's own.
        name: What workspace and report are called; None for the names of the sweeps.
        metric: What is compared: `mAP50-95`, `mAP50`, `precision` or `recall`.
    """
    choices = {group for run in runs for group in run.choices}
    varied = variants(runs).varied if runs else ()
    groups = [f"choices.{key}" if key in choices else key for key in varied]
    return Plan(
        name=name or " + ".join(sweeps) or project,
        project=project,
        entity=entity,
        sweeps=tuple(sweeps),
        groups=tuple(groups or [f"choices.{group}" for group in _GROUPS]),
        metric=metric,
    )


def specification(made: Plan) -> dict[str, Any]:
    """Return workspace and report as W&B stores them; no server is asked.

    Args:
        made: The plan. Without an entity theirs is empty: it is known once they are saved.
    """
    described = replace(made, entity=made.entity or "")
    models = {"workspace": _workspace(described)._to_model(), "report": _report(described)._to_model()}
    return {name: model.model_dump(mode="json", by_alias=True, exclude_none=True) for name, model in models.items()}


def save(made: Plan) -> list[str]:
    """Save workspace and report in W&B and return their addresses.

    Args:
        made: The plan.

    Raises:
        UserError: There is no key, or the server cannot be reached or refuses.
    """
    from yolograft.tracking.wandb_server import global_settings, key, server_problem

    found = global_settings()
    secret = key(found)
    instead = "file=dashboard.json writes the dashboard into a file instead"
    if not secret:
        raise UserError(f"dashboard: no W&B key is set; run `wandb login` once ({instead})")
    if problem := server_problem(found.base_url, secret):
        raise UserError(f"dashboard: {found.base_url} {problem} ({instead})")
    import wandb

    try:
        owned = replace(made, entity=made.entity or wandb.Api(timeout=10).default_entity)
        workspace, report = _workspace(owned), _report(owned)
        workspace.save()
        report.save()
        return [workspace.url, report.url]
    except Exception as error:  # its errors have no common class
        raise UserError(f"dashboard: {found.base_url}: {' '.join(str(error).split())[:300]}") from error


def _workspace(made: Plan) -> Any:
    """Return the view of the project: charts above, the grouped table of runs beside them."""
    import wandb_workspaces.workspaces as ws

    filters = [ws.Metric("JobType") == "train"]
    if made.sweeps:
        filters.append(ws.Metric("Group").isin(list(made.sweeps)))
    summaries = (made.metric, *COSTS)
    return ws.Workspace(
        entity=made.entity or "",
        project=made.project,
        name=made.name,
        sections=[
            ws.Section(name="Variants", panels=_variants(made), is_open=True),
            ws.Section(name="Epochs", panels=_curves(made), is_open=True),
            ws.Section(name="Runs", panels=_runs(), is_open=True),
        ],
        settings=ws.WorkspaceSettings(x_axis="epoch"),
        runset_settings=ws.RunsetSettings(
            filters=filters,
            groupby=[ws.Config(key) for key in made.groups],
            order=[ws.Ordering(ws.Summary(made.metric), ascending=False)],
            pinned_columns=[f"summary:{name}" for name in summaries],
        ),
    )


def _report(made: Plan) -> Any:
    """Return the same charts as a page that is read from top to bottom."""
    import wandb_workspaces.reports.v2 as wr

    def runset(groups: Sequence[str]) -> Any:
        shown = "JobType == 'train'"
        if made.sweeps:
            shown += f" and Group in {list(made.sweeps)}"
        return wr.Runset(
            entity=made.entity or "",
            project=made.project,
            name=made.name,
            filters=shown,
            groupby=[f"config.{key}" for key in groups],
            order=[wr.OrderBy(wr.SummaryMetric(made.metric), ascending=False)],
        )

    grouped = "by " + ", ".join(key.removeprefix("choices.") for key in made.groups)
    return wr.Report(
        project=made.project,
        entity=made.entity or "",
        title=made.name,
        description=f"{made.metric} {grouped}",
        width="fluid",
        blocks=[
            wr.H2(text="Variants"),
            wr.PanelGrid(runsets=[runset(made.groups)], panels=_variants(made)),
            wr.H2(text="Epochs"),
            wr.PanelGrid(runsets=[runset(made.groups)], panels=_curves(made)),
            wr.H2(text="Runs"),
            wr.PanelGrid(runsets=[runset([])], panels=_runs()),
        ],
    )


def _variants(made: Plan) -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    axes: list[Any] = [*(wr.Config(key) for key in made.groups), *map(wr.SummaryMetric, (*COSTS, made.metric))]
    names = [*(key.removeprefix("choices.") for key in made.groups), *COSTS, made.metric]
    columns = [wr.ParallelCoordinatesPlotColumn(axis, name) for axis, name in zip(axes, names, strict=True)]
    scatter = [
        wr.ScatterPlot(
            title=f"{made.metric} against {cost}",
            x=wr.SummaryMetric(cost),
            y=wr.SummaryMetric(made.metric),
            layout=wr.Layout(x=place * 12, y=8, w=12, h=7),
        )
        for place, cost in enumerate(COSTS)
    ]
    whole = wr.Layout(x=0, y=0, w=24, h=8)
    return [wr.ParallelCoordinatesPlot(columns=columns, title="Choices and results", layout=whole), *scatter]


def _curves(made: Plan) -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    curves = (f"metrics/{made.metric}", *DETECT.watched)
    return [
        wr.LinePlot(
            title=curve,
            x="epoch",
            y=[curve],
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
            layout=wr.Layout(x=place % 2 * 12, y=place // 2 * 7, w=12, h=7),
        )
        for place, curve in enumerate(curves)
    ]


def _runs() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    return [
        wr.RunComparer(diff_only=True, layout=wr.Layout(x=0, y=0, w=24, h=12)),
        wr.MediaBrowser(media_keys=["validation"], num_columns=2, layout=wr.Layout(x=0, y=12, w=24, h=12)),
    ]
