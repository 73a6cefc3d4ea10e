"""What a sweep tells whoever draws its results; `sweep` itself draws nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Reporter(Protocol):
    """Is told how a sweep is going. What it raises is logged, and ends no sweep."""

    def after_run(self, folder: Path) -> None:
        """A run of the sweep in this folder has ended."""
        ...

    def after_search(self, result: Mapping[str, Any]) -> None:
        """A search has ended or was stopped; `result` is the content of its optuna.json."""
        ...

    def at_the_end(self, folder: Path) -> list[Path]:
        """The command is done with the sweep in this folder, or was stopped.

        Returns:
            The files that hold its tables.
        """
        ...


class Silent:
    """Draws nothing."""

    def after_run(self, folder: Path) -> None:
        """Do nothing."""

    def after_search(self, result: Mapping[str, Any]) -> None:
        """Do nothing."""

    def at_the_end(self, folder: Path) -> list[Path]:
        """Return no files."""
        return []
