"""The person who started a run from a page of the dashboard, so that nobody stops another person's run by accident."""

import os
from typing import Final

from core.config import Frozen

NAME_VARIABLE: Final = "PARALLAX_STARTER"
SESSION_VARIABLE: Final = "PARALLAX_SESSION"
LOG_VARIABLE: Final = "PARALLAX_LOG"
"""Environment variables that a page sets for the process it starts: the person, the browser and the log file."""
LONGEST_NAME: Final = 60


class Starter(Frozen):
    """The person or command that started a run.

    Attributes:
        name: as that person typed it, or empty.
        session: number of the browser; empty for a command in a terminal.
    """

    name: str = ""
    session: str = ""

    def words(self, session: str) -> str:
        """The starter in words for the browser of a session.

        >>> ada = Starter(name="Ada", session="a")
        >>> ada.words("a"), ada.words("b"), Starter().words("b")
        ('you', 'Ada', 'a command')
        """
        if self.session == session:
            return "you"
        return self.name or ("another browser" if self.session else "a command")

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that give a process its starter."""
        return {NAME_VARIABLE: self.name[:LONGEST_NAME], SESSION_VARIABLE: self.session}


def starter_of_process() -> Starter:
    """The starter of this process."""
    return Starter(name=os.environ.get(NAME_VARIABLE, ""), session=os.environ.get(SESSION_VARIABLE, ""))
