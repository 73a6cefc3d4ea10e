"""Where Hydra finds our sweepers and launchers: it takes plugins from the namespace `hydra_plugins` alone."""

from yolograft.sweep import optuna, sweeper
from yolograft.sweep.launchers import joblib, ray, submitit


class GridSweeper(sweeper.GridSweeper):
    """`hydra/sweeper=grid`."""


class OptunaSweeper(optuna.OptunaSweeper):
    """`hydra/sweeper=optuna`."""


class JoblibLauncher(joblib.JoblibLauncher):
    """`hydra/launcher=joblib`."""


class SubmititLocalLauncher(submitit.LocalLauncher):
    """`hydra/launcher=submitit_local`."""


class SubmititSlurmLauncher(submitit.SlurmLauncher):
    """`hydra/launcher=submitit_slurm`."""


class RayLauncher(ray.RayLauncher):
    """`hydra/launcher=ray`."""
