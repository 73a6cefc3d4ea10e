"""Untrusted text (class names, paths, messages) made harmless, one function for each kind of output.

HTML needs none of its own: Jinja's autoescape does it. LaTeX and Markdown have theirs beside their tables
(`render/forms/`), on top of `plain`.
"""

import logging


def plain(text: str) -> str:
    """Return one line of text for any output: line breaks, control characters and lone surrogates are written out.

    So no class name moves a terminal's cursor, ends an XML document or fails to be encoded.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def plain_lines(text: str) -> str:
    """Return text of several lines, such as a traceback or a message, each of them `plain`."""
    return "\n".join(map(plain, text.split("\n")))


class PlainFormatter(logging.Formatter):
    """Writes log lines that move no terminal's cursor, whatever the names and messages in them hold."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines, each of them `plain`."""
        return plain_lines(super().format(record))


def markup(text: str) -> str:
    """Return `plain` text for a place where rich reads markup: `[/red]x` is shown, not obeyed."""
    from rich.markup import escape

    return escape(plain(text))


def csv_cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it.

    Numbers stay numbers. Source: OWASP, "CSV Injection".
    """
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def gflops_text(value: float) -> str:
    """Return GFLOPs as every command writes them: one decimal as ultralytics, three digits below 1.

    A small model at a small image size would else have 0.0 or 0.1, and no two could be distinguished.
    """
    return f"{value:.1f}" if value >= 0.9995 else f"{value:#.3g}"
