"""ultralytics' published weights by name, downloaded as ultralytics does."""

import contextlib
import os
import sys
from pathlib import Path

from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, safe_download

from yolograft.common.cache import cache_dir
from yolograft.common.errors import UserError
from yolograft.common.network import unreachable

RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.4.0"
"""Where the names of `GITHUB_ASSETS_NAMES` are published, as `attempt_download_asset` of ultralytics 8.4 has it."""


def published_weights(name: str) -> Path | None:
    """Return the file of weights that ultralytics publishes under a name, such as `yolo11n.pt`; None for other names.

    It is kept in the cache folder, and downloaded where it is not there.

    Raises:
        UserError: It cannot be downloaded; says where to put the file.
    """
    if name not in GITHUB_ASSETS_NAMES or not name.endswith(".pt"):
        return None
    file = cache_dir() / "weights" / name
    if file.exists():
        return file
    address = f"{RELEASE}/{name}"
    reason = unreachable(address)
    if reason is None:
        offline = os.environ.pop("YOLO_OFFLINE", None)  # else ultralytics gives up at the first hiccup
        try:
            with contextlib.redirect_stdout(sys.stderr):
                safe_download(address, file=name, dir=file.parent, min_bytes=1e5)
            return file
        except Exception as error:  # requests, the disk, ultralytics' own checks  # noqa: BLE001
            reason = " ".join(str(error).split()) or type(error).__name__
        finally:
            if offline is not None:
                os.environ["YOLO_OFFLINE"] = offline
    raise UserError(f"{name} cannot be downloaded: {reason}; put {address} into {file.parent}, or say weights=FILE")
