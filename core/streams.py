"""Numbers of the random streams: each stands beside a seed, so that no two draws share random numbers.

`numpy.random.default_rng([seed, stream, ...])` ignores zeros at the end: `[seed, 7]` is `(seed, 7, 0, 0)`. A number is
given once, never changed and never used again, because results of a seed hang on it. Pretext tasks have theirs as
`Task.stream` (0, 1, 2, and new ones from 1000 on); `(seed, stream, language or pair, epoch)` shuffles their sentences.
"""

from typing import Final

LEDGER_MASKS: Final = 1
"""Sentences and masks of the ledger."""
LEDGER_PAIRS: Final = 3
"""Pairs of languages that are measured."""
LEDGER_ORDER: Final = 4
"""Which held-out meanings fit a temperature, and which are measured."""
CLASSIFICATION: Final = 6
"""Sentences on which a classifier is trained."""
HELD_OUT: Final = 7
"""Meanings that a run holds out."""
BASELINE_TEXT: Final = 8
"""Meanings from which baselines learn; a whole seed, so that all runs on a text share the baselines."""
MASKS: Final = 1
"""Behind the step of a task: `[seed, stream, step, MASKS]` draws masks and sides."""
WORLD_GOLD: Final = 9
"""Meanings of a world whose exact word alignment is compared; a whole seed, the same for all corpora."""
LEDGER_LINKS: Final = 10
"""Held-out pairs and masks on which tasks that link words are measured."""
