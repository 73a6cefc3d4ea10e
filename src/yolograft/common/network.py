"""Is there a network? Asked before a download, whose own libraries wait and repeat for minutes."""

import re
import threading

PATIENCE = 2.0
"""Seconds to wait for a sign of the network before saying that there is none."""


def unreachable(address: str, patience: float = PATIENCE) -> str | None:
    """Return why an address cannot be reached, or None if it answers.

    Asked on a thread of its own: looking a name up can hang far longer than any time limit that can be set.
    """
    import requests  # slow to import, and seldom needed

    site = re.sub(r"^(\w+://[^/]+).*", r"\1", address)
    answer: list[str | None] = []

    def ask() -> None:
        try:
            with requests.get(address, stream=True, timeout=patience, allow_redirects=False) as response:
                status = response.status_code  # 404 comes from the right place, which the download will report on
                answer.append(f"{site} answers {status}" if status >= 400 and status != 404 else None)
        except requests.RequestException:
            answer.append(f"{site} cannot be reached; is there a network?")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    return answer[0] if answer else f"{site} does not answer within {patience:g} s; is there a network?"
