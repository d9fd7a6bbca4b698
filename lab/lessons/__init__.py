"""Parts that the notebooks share: a scale, runs that are trained once, words for results, and verdicts on exercises."""

import lab.lessons.import_warnings  # noqa: F401 - before what would speak
from lab.lessons.output import progress_line, say
from lab.lessons.scale import Lesson, open_lesson
from lab.lessons.verdicts import Verdict, judged, not_yet, number, right, wrong

__all__ = [
    "Lesson",
    "Verdict",
    "judged",
    "not_yet",
    "number",
    "open_lesson",
    "progress_line",
    "right",
    "say",
    "wrong",
]
