"""Names of files and classes as one line of text, whatever they hold."""


def plain(text: str) -> str:
    """Return text with line breaks, control characters and bytes that are no Unicode written out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
