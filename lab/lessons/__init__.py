"""What the notebooks share: a scale, runs that are trained once, words for results, and verdicts on exercises."""

import lab.lessons.quiet  # noqa: F401 - before what would speak
from lab.lessons.scale import Lesson, lesson
from lab.lessons.telling import following, say
from lab.lessons.verdicts import Verdict, judged, not_yet, number, right, wrong

__all__ = [
    "Lesson",
    "Verdict",
    "following",
    "judged",
    "lesson",
    "not_yet",
    "number",
    "right",
    "say",
    "wrong",
]
