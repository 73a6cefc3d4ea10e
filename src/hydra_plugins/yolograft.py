"""Where Hydra finds our sweepers: it takes plugins from the namespace `hydra_plugins` alone."""

from yolograft.sweep import optuna, sweeper


class GridSweeper(sweeper.GridSweeper):
    """`hydra/sweeper=grid`."""


class OptunaSweeper(optuna.OptunaSweeper):
    """`hydra/sweeper=optuna`."""
