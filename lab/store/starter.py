"""Who started a run from a page of the dashboard, so that nobody stops another's by accident."""

import os
from typing import Final

from core.config import Frozen

NAME_VARIABLE: Final = "PARALLAX_STARTER"
SESSION_VARIABLE: Final = "PARALLAX_SESSION"
LOG_VARIABLE: Final = "PARALLAX_LOG"
"""What a page tells the process that it starts: who asks, from which browser, and where the process prints to."""
LONGEST_NAME: Final = 60


class Starter(Frozen):
    """Who started a run.

    Attributes:
        name: as that person gave it, or empty.
        session: number of the browser, or empty for a command in a terminal.
    """

    name: str = ""
    session: str = ""

    def words(self, session: str) -> str:
        """Who it is for the browser of a session.

        >>> ada = Starter(name="Ada", session="a")
        >>> ada.words("a"), ada.words("b"), Starter().words("b")
        ('you', 'Ada', 'a command')
        """
        if self.session == session:
            return "you"
        return self.name or ("another browser" if self.session else "a command")

    @property
    def variables(self) -> dict[str, str]:
        """What tells a process of its starter."""
        return {NAME_VARIABLE: self.name[:LONGEST_NAME], SESSION_VARIABLE: self.session}


def starter_of_process() -> Starter:
    """Who started this process."""
    return Starter(name=os.environ.get(NAME_VARIABLE, ""), session=os.environ.get(SESSION_VARIABLE, ""))
