"""`yolograft train` as a function: one run, or a sweep of them. Nothing is printed or exited here."""

from yolograft.common.imports import uncollected
from yolograft.sweep.absent import refuse_absent
from yolograft.sweep.executors.settings import EXECUTORS
from yolograft.sweep.reporter import Reporter
from yolograft.sweep.request import Request
from yolograft.sweep.result import Result
from yolograft.training.stopping import stoppable


def run_command(request: Request, reporter: Reporter | None = None) -> Result:
    """Do what a `train` command line asks for.

    Args:
        request: A command line, composed and checked.
        reporter: Is told when a sweep's runs end.

    Returns:
        How it went. What fails in a run is logged, recorded and listed in `failures`, not raised.

    Raises:
        UserError: For a mistake that no run is needed to find.
        StoppedError: After Ctrl-C or SIGTERM; the runs' checkpoints are written.
    """
    with stoppable() as stop:
        elsewhere = request.sweep is not None and EXECUTORS[request.sweep.executor].elsewhere
        if not elsewhere:
            refuse_absent(request.specs or request.probes)
        with uncollected():  # only now: a refusal needs none of it
            from yolograft.sweep.execute import execute

        return execute(request, reporter, stop, elsewhere=elsewhere)
