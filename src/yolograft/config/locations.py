"""Where the packaged configs and experiments are, in a checkout and in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def home() -> Path:
    """Return the folder that holds `conf/` and `experiments/`: the package (wheel) or the checkout (editable)."""
    return _PACKAGE if (_PACKAGE / "conf").is_dir() else _PACKAGE.parents[1]


def conf_dir() -> Path:
    """Return the folder of the config groups."""
    return home() / "conf"
