"""W&B's server: our key, whether it answers, and what was not uploaded yet. Quick to import."""

import os
import shlex
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

ANSWERS_WITHIN = 1.0
"""Seconds that the server has for an answer."""

CUT = "yolograft-not-uploaded"
"""Empty file in the folder of an online run that was not fully uploaded."""


def key(settings: Any) -> str | None:
    """Return W&B's key from where its own client looks, and never ask for one.

    Args:
        settings: W&B's global settings; they know the environment's key and the server's address.
    """
    from requests.utils import get_netrc_auth

    if settings.api_key:
        return str(settings.api_key)
    login = get_netrc_auth(settings.base_url)
    return login[1] if login else None


def global_settings() -> Any:
    """Return W&B's own settings, from its environment variables and files; W&B prints nothing from now on."""
    # Its error reports hold up the end of the process where the server is silent.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    return wandb.setup(wandb.Settings(silent=True)).settings


def server_problem(url: str, secret: str) -> str | None:
    """Ask W&B's server who we are; return None where it knows us within a second, else what is wrong.

    On a thread, since neither looking up a name nor a proxy keeps to a time limit.

    Args:
        url: The server's address.
        secret: The key.
    """
    answers: list[str | None] = []

    def ask() -> None:
        import requests

        try:
            query = {"operationName": "Viewer", "query": "query Viewer { viewer { id } }"}
            answer = requests.post(f"{url}/graphql", json=query, auth=("api", secret), timeout=ANSWERS_WITHIN)
            known = answer.status_code == 200 and ((answer.json().get("data") or {}).get("viewer"))
            answers.append(None if known else f"does not take the key (HTTP {answer.status_code})")
        except (requests.RequestException, ValueError, AttributeError):
            answers.append("cannot be reached")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWERS_WITHIN)
    return answers[0] if answers else f"does not answer within {ANSWERS_WITHIN:g} s"


def upload_command(folder: Path) -> str | None:
    """Return the command that uploads what was recorded offline; None where there is nothing to upload.

    Args:
        folder: A run's folder, or a sweep's.
    """
    offline: dict[str, None] = {}
    cut = []
    for above in ("", "*/"):
        for record in sorted(folder.glob(f"{above}wandb/*run-*/*.wandb")):
            if record.with_suffix(".wandb.synced").exists():
                continue
            if record.parent.name.startswith("offline-"):
                offline[f"{_quoted(folder)}/{above}wandb/offline-run-*"] = None
            elif (record.parent / CUT).exists():
                cut.append(_quoted(record.parent))
    words = ["wandb sync", *(["--include-online", *cut] if cut else []), *offline]
    return " ".join(words) if len(words) > 1 else None


def _quoted(path: Path) -> str:
    """Return a path for a person's shell, from the folder they work in where it lies below."""
    with suppress(ValueError):
        path = path.resolve().relative_to(Path.cwd())
    text = path.as_posix()
    return shlex.quote(text) if os.name != "nt" else f'"{text}"' if " " in text else text
