"""The last step of a training: its best weights measured as they lie on disk, and drawn."""

from yolograft.evaluation.run_results import measure_run
from yolograft.model.from_config import own_packages
from yolograft.runs.curves import METRICS_FILE
from yolograft.runs.predictions import write_predictions
from yolograft.runs.record import Metrics
from yolograft.runs.weights_file import digest
from yolograft.training.curves import draw_curves
from yolograft.training.prepare import Prepared
from yolograft.training.session import Session


def measure(session: Session, prepared: Prepared) -> None:
    """Measure the best weights and put the result into run.json, predictions.json, plots and the logger.

    Args:
        session: The run, in the process that leads.
        prepared: The data.

    Raises:
        UserError: Somebody has removed the run's folder, or the weights are damaged.
    """
    session.record.check_there()
    config, weights = session.config, session.checkpoints.best
    drawing = config["trainer"]["plots"]
    found = measure_run(
        weights,
        prepared.val_set,
        session.compute,
        batch=prepared.batch * 2,
        plots=session.plots if drawing else None,
        pictures=config["logger"].get("pictures", 0),
        single_cls=config["single_cls"],
        trust=own_packages(config),
    )
    write_predictions(session.folder, found.predictions)
    if drawing:
        draw_curves(session.folder / METRICS_FILE, session.plots / "curves.png", session.task)
    session.record.update(metrics=Metrics.of(found.metrics), weights_sha256=digest(weights))
    if session.logger is not None:
        session.logger.log_pictures(found.pictures, found.names, session.record.now.best_epoch or 0)
        session.logger.log_weights(weights)
    session.checkpoints.clean()
