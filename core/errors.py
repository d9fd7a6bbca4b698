"""The one exception that means: the user's input is at fault, not the program."""


class InputError(ValueError):
    """The user's mistake, in one line: what was expected, what came, what to do.

    The command line prints the line without a traceback and exits with code 2; every other exception is a fault of the
    program and exits with code 1.
    """
