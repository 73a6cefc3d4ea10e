"""ultralytics' published weights by name: found where ultralytics keeps them, or downloaded as it does.

ultralytics is imported for a download alone: what cannot be had is refused before torch is loaded.
"""

import contextlib
import os
import re
import sys
from pathlib import Path

from platformdirs import user_config_path

from yolograft.common.cache import cache_dir
from yolograft.common.errors import UserError
from yolograft.common.files import read_regular
from yolograft.common.network import unreachable
from yolograft.common.parsing import parse_json

RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.4.0"
"""Where the names of `GITHUB_ASSETS_NAMES` are published, as `attempt_download_asset` of ultralytics 8.4 has it."""
_DETECTORS = re.compile(r"yolo(11[nsmlx]|12[nsmlx]|26[nsmlx]|v8[nsmlx]|v10[nsmblx])\.pt")
"""Names of those that a detector of ours may start from."""
_PUBLISHED = re.compile(r"(yolo|sam|fastsam|mobile|rtdetr).*\.pt", re.IGNORECASE)
"""What all names of `GITHUB_ASSETS_NAMES` that end in .pt are like."""


def may_be_published(name: str) -> bool:
    """Return whether ultralytics may publish weights under a name; for certain, only it can say."""
    return _PUBLISHED.fullmatch(name) is not None


def refuse_unreachable(name: str) -> None:
    """Refuse weights of a detector that ultralytics publishes, if they lie nowhere here and there is no network.

    Raises:
        UserError: Saying where to put the file.
    """
    if _DETECTORS.fullmatch(name) and _kept(name) is None and (reason := unreachable(f"{RELEASE}/{name}")):
        raise _not_there(name, reason)


def published_weights(name: str) -> Path | None:
    """Return the file of weights that ultralytics publishes under a name, such as `yolo11n.pt`; None for other names.

    The folder of weights in the person's own settings of ultralytics is looked into first. A download is kept in our
    cache folder.

    Raises:
        UserError: It cannot be downloaded; says where to put the file.
    """
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, safe_download

    if name not in GITHUB_ASSETS_NAMES or not name.endswith(".pt"):
        return None
    if (kept := _kept(name)) is not None:
        return kept
    file = _cached(name)
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
    raise _not_there(name, reason)


def _not_there(name: str, reason: str) -> UserError:
    put = f"put {RELEASE}/{name} into {_cached(name).parent}, or say weights=FILE"
    return UserError(f"{name} cannot be downloaded: {reason}; {put}")


def _cached(name: str) -> Path:
    return cache_dir() / "weights" / name


def _kept(name: str) -> Path | None:
    """Return the file that is there already."""
    return next((file for file in (_kept_by_ultralytics(name), _cached(name)) if file and file.is_file()), None)


def _kept_by_ultralytics(name: str) -> Path | None:
    """Return where ultralytics would look for weights; its settings are read, not made."""
    try:
        settings = parse_json(read_regular(_settings_file()).decode())
    except (OSError, ValueError):  # ultralytics was never used here, or its file is damaged
        return None
    folder = settings.get("weights_dir") if isinstance(settings, dict) else None
    return Path(folder) / name if isinstance(folder, str) and folder else None


def _settings_file() -> Path:
    """Return the file of the person's own settings of ultralytics, not that of ours in the cache folder."""
    return user_config_path("Ultralytics", appauthor=False, roaming=True) / "settings.json"
