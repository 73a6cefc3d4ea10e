from helpers.made_comparison import grid, seeds, sweep, write_run

__all__ = ["grid", "seeds", "sweep", "write_run"]
