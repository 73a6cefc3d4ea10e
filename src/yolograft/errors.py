"""The exceptions that stand for a user's mistake."""


class UserError(Exception):
    """A mistake the person at the keyboard can mend; shown as one line, without a traceback.

    The message names the file, key or value at fault and says what would be right.
    """


class RefusedError(UserError):
    """A mistake that was found before a training had begun: there is nothing to keep of it."""
