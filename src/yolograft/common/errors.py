"""What is not a fault of the program: a person's mistake, and the state of the machine."""

import errno
import os


class UserError(Exception):
    """A mistake that the user can fix; shown as one line, without a traceback.

    The message names the file, key or value at fault and says what would be right.
    """


class RefusedError(UserError):
    """A mistake that was found before a training had begun: there is nothing to keep of it."""


_MACHINE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENFILE,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


def machine_fault(error: BaseException) -> str | None:
    """Return one line for an error that the machine's state explains; None where a traceback is due.

    That is a full or read-only disk, missing rights, too many open files, a working folder that is gone.

    Args:
        error: What was raised.
    """
    if not isinstance(error, OSError):
        return None
    if isinstance(error, FileNotFoundError) and error.filename is None:  # os.getcwd says no name
        try:
            os.getcwd()  # noqa: PTH109 - the call itself is what is tried
        except FileNotFoundError:
            return "the working folder does not exist any more; change into one that does"
    if error.errno not in _MACHINE:
        return None
    reason = (error.strerror or str(error)).lower()
    return f"{error.filename}: {reason}" if error.filename else reason
