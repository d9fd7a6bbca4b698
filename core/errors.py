"""The one exception that means: the user's input is at fault, not the program."""


class InputError(ValueError):
    """The user's mistake, in one line: what was expected, what came, what to do.

    The command line turns it into exit code 2 and prints the line without a traceback;
    every other exception is ours and exits with 1.
    """
