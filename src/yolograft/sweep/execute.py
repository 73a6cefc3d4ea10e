"""Carry out a `train` command from which all has been refused that can be without it: one run, a sweep, or a plan."""

from collections.abc import Sequence

from yolograft.common.errors import UserError
from yolograft.common.imports import uncollected
from yolograft.common.processes import own_names, remove_leftovers
from yolograft.runs.spec import RunSpec
from yolograft.sweep.constraint import Dropped, select
from yolograft.sweep.job import train_job
from yolograft.sweep.reporter import Reporter, Silent
from yolograft.sweep.request import Request
from yolograft.sweep.result import Result
from yolograft.sweep.sweep import Sweep
from yolograft.sweep.tracking import say_what_waits
from yolograft.sweep.why import Failure
from yolograft.training.stopping import StopRequest


def execute(request: Request, reporter: Reporter | None, stop: StopRequest, *, elsewhere: bool) -> Result:
    """Do what a `train` command line asks for.

    Args:
        request: A command line, composed and checked.
        reporter: Is told when a sweep's runs end.
        stop: Knows whether the process was asked to stop.
        elsewhere: Whether runs are trained on other machines.

    Raises:
        UserError: For a mistake that no run is needed to find.
        StoppedError: After Ctrl-C or SIGTERM; the runs' checkpoints are written.
    """
    own_names()
    remove_leftovers()
    specs, dropped = select(list({spec.folder: spec for spec in request.specs}.values()))
    stop.check()
    planned = bool(request.specs) and bool(request.specs[0].config["plan"])
    if request.sweep is not None or planned:
        _check_shared(request, specs, stop, elsewhere=elsewhere)
    if planned:
        return _plan(request, specs, dropped)
    if dropped and not specs:
        spec, reason = dropped[0]
        which = f"no run meets it; {spec.name}" if request.sweep else "this variant"
        raise UserError(f"constraint={spec.config['constraint']}: {which} has {reason}")
    if request.sweep is None:
        return _train_one(specs[0])
    sweep = Sweep(request.sweep, request.command, specs, dropped, reporter or Silent())
    failed = sweep.run()
    return Result(sweep.all_specs, sweep.folder, failed, int(bool(failed)))


def _check_shared(request: Request, specs: Sequence[RunSpec], stop: StopRequest, *, elsewhere: bool) -> None:
    with uncollected():
        from yolograft.sweep.shared import check_shared

    stop.check()
    check_shared(specs or request.probes, elsewhere=elsewhere)
    stop.check()


def _plan(request: Request, specs: Sequence[RunSpec], dropped: Sequence[Dropped]) -> Result:
    """Say what the command would do."""
    from yolograft.sweep.plan import make_plan
    from yolograft.upstream.training import quiet

    quiet()
    plan = make_plan(specs, dropped)
    if request.sweep is not None:
        plan.save(request.sweep.folder / "plan.json")
    return Result(specs, request.sweep.folder if request.sweep else None, plan=plan)


def _train_one(spec: RunSpec) -> Result:
    try:
        ended = train_job(spec, sweep=False, made=not spec.folder.exists())
    finally:
        say_what_waits(spec.folder)
    failed = [Failure(spec, "failed", ended.reason)] if ended.code else []
    return Result([spec], None, failed, ended.code)
