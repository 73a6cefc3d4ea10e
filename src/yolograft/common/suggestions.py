"""The nearest right word for a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, candidates: Iterable[str], limit: int = 1) -> list[str]:
    """Return up to `limit` candidates that look like `word`, best first.

    A dotted key is also compared by its last name, so that ultralytics' flat `lr0` finds `optim.lr0`.
    """
    known = list(dict.fromkeys(candidates))
    leaf = word.rsplit(".", 1)[-1].lower()
    same_leaf = [c for c in known if c.rsplit(".", 1)[-1].lower() == leaf]
    close = get_close_matches(word, known, n=limit, cutoff=0.55)
    by_leaf = {c.rsplit(".", 1)[-1]: c for c in known}
    close_leaf = [by_leaf[m] for m in get_close_matches(leaf, by_leaf, n=limit, cutoff=0.7)]
    return list(dict.fromkeys([*same_leaf, *close, *close_leaf]))[:limit]


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return `; did you mean X?`, or nothing where no candidate is near."""
    found = nearest(word, candidates)
    return f"; did you mean {found[0]}?" if found else "."
