"""Parts that the notebooks share: a scale, runs that are trained once, words for results, and a check of exercises."""

import lab.lessons.import_warnings  # noqa: F401 - before what would speak
from lab.lessons.exercises import Verdict, check
from lab.lessons.output import progress_line, say
from lab.lessons.scale import Lesson, open_lesson

__all__ = ["Lesson", "Verdict", "check", "open_lesson", "progress_line", "say"]
