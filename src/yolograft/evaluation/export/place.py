"""Where exported files go: beside each other, in one step, and over nothing that is not an earlier export."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from yolograft.common.errors import UserError
from yolograft.common.text import plain
from yolograft.evaluation.export.request import Request
from yolograft.runs.exports import EXPORTS, FOLDER, Export, content_digest, load_exports, write_exports
from yolograft.runs.places import refuse_links
from yolograft.runs.record import RUN_FILE

_ABANDONED = 24 * 3600
"""Seconds after which a folder that an export was written in belongs to one that was killed."""


class Place:
    """The folder of the files exported from one file of weights.

    Args:
        weights: The weights.
        request: What they are exported to.

    Attributes:
        folder: The folder; it need not exist.

    Raises:
        UserError: A link leads out of the run's folder, or the record beside the files cannot be read.
    """

    def __init__(self, weights: Path, request: Request) -> None:
        self.request = request
        run = weights.parent.parent
        is_run = (run / RUN_FILE).exists()
        self.folder = request.output or (run / FOLDER if is_run else weights.with_name(f"{weights.stem}-{FOLDER}"))
        if is_run and request.output is None:
            refuse_links([run])
        self.exports = self._recorded()

    def done(self, weights_sha256: str) -> Export | None:
        """Return the export that was made with the same settings of the same weights, if it is still there.

        One that another system could not run is made anew where it can be.
        """
        wanted = self.request.settings
        for export in self.exports:
            due = export.status == "not run" and self.request.runs
            same = export.weights_sha256 == weights_sha256 and export.settings == wanted
            if same and not due and self._is_whole(export):
                return export
        return None

    def refuse_foreign(self) -> None:
        """Refuse to write where something lies that is not an earlier export, as it was written.

        Raises:
            UserError: Naming it.
        """
        for name in (self.request.file(), self.request.file(refused=True)):
            path = self.folder / name
            if os.path.lexists(path) and not any(e.file == name and self._is_whole(e) for e in self.exports):
                raise UserError(
                    f"{path}: lies where the export would, and was not written by one or was changed since; "
                    "remove it, or say output=FOLDER"
                )

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Make a folder beside the files to write in; it is gone afterwards.

        Raises:
            UserError: It cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_abandoned()
            staged = self.folder / f".staging-{uuid4().hex}"
            staged.mkdir()
        except OSError as problem:
            raise UserError(f"{self.folder}: cannot be written to: {problem.strerror or problem}") from None
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def take(self, staged: Path, export: Export) -> None:
        """Move what was written to its place, and record it; what an earlier export of the kind has left goes.

        Args:
            staged: The file or folder, in the folder that `staging` made.
            export: What is recorded of it.
        """
        exports = self._recorded()  # another command may have added some
        for name in (self.request.file(), self.request.file(refused=True)):
            if os.path.lexists(self.folder / name):
                (self.folder / name).replace(staged.parent / f"previous-{name}")
        staged.replace(self.folder / export.file)
        self.exports = [*(each for each in exports if each.label != export.label), export]
        write_exports(self.folder, self.exports)

    def _recorded(self) -> list[Export]:
        try:
            return load_exports(self.folder)
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or str(problem)
            raise UserError(f"{self.folder / EXPORTS}: {plain(reason)}; remove it to export anew") from None

    def _is_whole(self, export: Export) -> bool:
        try:
            return content_digest(self.folder / export.file) == export.sha256
        except OSError:
            return False

    def _remove_abandoned(self) -> None:
        for folder in self.folder.glob(".staging-*"):
            if not folder.is_symlink() and time.time() - folder.lstat().st_mtime > _ABANDONED:
                shutil.rmtree(folder, ignore_errors=True)
