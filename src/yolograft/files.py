"""Files that a reader never sees half written."""

import os
import uuid
from pathlib import Path


def replace_file(path: Path, content: bytes) -> Path:
    """Write a file in one step: whoever opens it sees the old content or the new, never a part.

    Args:
        path: The file; its folder must exist.
        content: What the file shall hold.

    Returns:
        The path.

    Raises:
        OSError: The disk is full, or (Windows) another program holds the file open. The old file is then as it was.
    """
    # A name of its own for each writer: jobs of a sweep that run side by side all renew the same report.
    scratch = path.with_name(f"{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        with scratch.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return path
