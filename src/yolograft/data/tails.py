"""Paths that were written on another machine or in another place, found again by how they end."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath, PureWindowsPath

from yolograft.data.places import files_below
from yolograft.data.split_names import split_of


class AmbiguousPathError(Exception):
    """Several files or folders are equally alike to a path that does not exist.

    Attributes:
        candidates: Two of them, relative to the folder that was searched.
    """

    def __init__(self, candidates: Sequence[str]) -> None:
        super().__init__(f"it could be {candidates[0]} or {candidates[1]}")
        self.candidates = tuple(candidates[:2])


class Tails:
    """All that lies below a folder, by how its path ends.

    Args:
        root: The folder. It is searched when the first path is looked for.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._above = _folded(self.root)
        self._by_name: dict[str, list[str]] | None = None

    def find(self, written: str) -> Path | None:
        """Return the file or folder whose path has the most last parts in common with a path, or None.

        Backslashes separate parts, too, and the case of letters does not count unless it has to decide. What lies in
        another split than the path says is never meant: `valid/images` is not `train/images`.

        Raises:
            AmbiguousPathError: Several fit equally well.
        """
        parts = [part for part in PureWindowsPath(written).parts if part not in (".", "..")]
        if not parts:
            return None
        split = _last_split(parts)
        scores: dict[str, tuple[int, int]] = {}
        for below in self._named(parts[-1].casefold()):
            own = below.split("/")
            if split is None or _last_split(own) in (None, split):
                folded = [*self._above, *(part.casefold() for part in own)]
                same_case = _common_tail([*self.root.parts, *own], parts)
                scores[below] = _common_tail(folded, [part.casefold() for part in parts]), same_case
        best = [below for below, score in scores.items() if score == max(scores.values())]
        if len(best) > 1:
            raise AmbiguousPathError(best)
        return self.root / best[0] if best else None

    def _named(self, name: str) -> list[str]:
        if self._by_name is None:
            self._by_name = {}
            files = files_below(self.root)
            folders = {str(parent) for file in files for parent in PurePath(file).parents} - {"."}
            for below in sorted({*files, *(folder.replace(os.sep, "/") for folder in folders)}):
                self._by_name.setdefault(below.rpartition("/")[-1].casefold(), []).append(below)
        return self._by_name.get(name, [])


def _folded(path: Path) -> list[str]:
    return [part.casefold() for part in path.parts]


def _last_split(parts: Sequence[str]) -> str | None:
    return next((split for part in reversed(parts) if (split := split_of(part))), None)


def _common_tail(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for mine, theirs in zip(reversed(one), reversed(other), strict=False):
        if mine != theirs:
            break
        count += 1
    return count
