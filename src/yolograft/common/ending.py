"""How a process of the program ends: without taking apart all that it has imported, which takes a second or more."""

import atexit
import gc
import io
import os
import sys
from contextlib import suppress


class Ending:
    """Ends the process once every other exit function has run. They run in reverse: to be made before there are any.

    Threads that are waited for and the exit functions of libraries are as in any Python program. What Python would do
    after them is to free each object; of that, only the writing of files left open has an effect.

    Attributes:
        code: Exit code; 1 until something else is known.
    """

    def __init__(self) -> None:
        self.code = 1
        self._process = os.getpid()
        atexit.register(self._end)

    def _end(self) -> None:
        if os.getpid() != self._process:  # a copy, forked by a library
            return
        try:
            if sys.stdout is not None and not sys.stdout.closed:
                sys.stdout.flush()
        except BrokenPipeError:  # the reader has closed the pipe
            pass
        except OSError as error:
            self.code = self.code or 1
            sys.stderr.write(f"yolograft: standard output: {error.strerror}\n")
        _write_out()
        os._exit(self.code)


def _write_out() -> None:
    """Write what files that are still open hold back, those of a person's callback for example."""
    for thing in gc.get_objects():
        if issubclass(type(thing), io.IOBase):
            with suppress(Exception):  # as Python itself: nobody is there to be told
                thing.flush()
