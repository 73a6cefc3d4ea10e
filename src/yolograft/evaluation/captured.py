"""What other programs print, kept from the terminal."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO


@contextmanager
def captured() -> Iterator[BinaryIO]:
    """Keep what is printed inside in a file: that of Python, of C++ libraries, and of programs that are started.

    Yields:
        The file.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with TemporaryFile() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = [(number, os.dup(number)) for number in (1, 2)]
        try:
            for number, _ in kept:
                os.dup2(log.fileno(), number)
            yield log
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, before in kept:
                os.dup2(before, number)
                os.close(before)
