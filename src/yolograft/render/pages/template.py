"""Pages made from templates, one file each: no request leaves them."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from yolograft.common.text import plain

_HERE = Path(__file__).parent


def render_page(template: Path, filters: Mapping[str, Callable[..., Any]] | None = None, **content: Any) -> bytes:
    """Fill in a template; what it includes is looked for beside it and here.

    Args:
        template: The file; what it shows is escaped.
        filters: What it can do with a value, beside jinja's own and `plain`.
        content: What it shows.
    """
    loader = FileSystemLoader([template.parent, _HERE])
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"plain": plain, **(filters or {})}
    return environment.get_template(template.name).render(**content).encode("utf-8", "backslashreplace")


def data_address(content: bytes, kind: str) -> str:
    """Return a picture as an address that holds the picture itself."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
