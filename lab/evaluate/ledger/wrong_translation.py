"""What a wrong translation costs: whether TLM reads the translation, or only its own sentence."""

from collections.abc import Sequence

import numpy as np

from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.ledger.masked import cross_entropies, summed_by_example
from lab.evaluate.ledger.masked_text import Example, language_distribution, masked_examples
from lab.evaluate.ledger.reading import Reading


def wrong_translations(loaded: LoadedRun, sentences: int, seed: int = 0) -> Reading | None:
    """What a wrong translation costs a masked token: TLM's cross-entropy beside it less that beside the right one.

    The pairs and masks are those of `masked_reading`. The wrong translation is that of another meaning into the same
    language, masked alike; 0 nats for a model that never looks at the translation. None where every pair of languages
    has one meaning, so that no translation is wrong.
    """
    pairs = masked_examples(loaded, language_distribution(loaded, "tlm"), sentences, seed)
    mismatched = _mismatched(pairs)
    if not mismatched:
        return None
    places, owners = np.unique([place for place, _ in mismatched], return_inverse=True)
    right = [pairs[place] for place in places]
    beside_right, counts = cross_entropies(loaded, right, "tlm")
    parts = cross_entropies(loaded, [example for _, example in mismatched], "tlm")
    beside_wrong, _ = summed_by_example(owners, *parts, len(right))
    meanings, at = np.unique([pair.meaning for pair in right], return_inverse=True)
    return Reading(meanings, np.bincount(at, beside_wrong - beside_right), np.bincount(at, counts))


def _mismatched(pairs: Sequence[Example]) -> list[tuple[int, Example]]:
    """Each masked side of a pair beside the other side of another pair, with the place of the pair it belongs to."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for at, pair in enumerate(pairs):
        alike.setdefault(pair.languages, []).append(at)
    sides = list[tuple[int, Example]]()
    for group in alike.values():
        for order, at in enumerate(group):
            pair = pairs[at]
            following = (pairs[group[(order + step) % len(group)]] for step in range(1, len(group)))
            mismatch = next((wrong for wrong in following if wrong.meaning != pair.meaning), None)
            if mismatch is None:
                continue
            for side in (0, 1):
                if pair.hides(side):
                    whole, shown = list(mismatch.shown), list(mismatch.shown)
                    whole[side], shown[side] = pair.whole[side], pair.shown[side]
                    sides.append((at, Example(pair.meaning, pair.languages, whole, shown)))
    return sides
