from helpers.made_comparison import sweep, write_run

__all__ = ["sweep", "write_run"]
