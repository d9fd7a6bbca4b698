"""Held-out text as the masked tasks read it: in which languages, which sentences and pairs, and what is hidden."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import InputError
from core.streams import LEDGER_MASKS
from core.text.batches import MaskedBatch, longest_sentence
from core.text.encoded import Rows
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.figures.tasks import ADDED, MMLM_OWN
from lab.world.ideal import LanguageDistribution
from lab.world.truth import RATE, mask, side_shares

FRESH_MEANINGS = 2_000
"""Number of sentences drawn where a world's meanings are not alike."""


def language_distribution(loaded: LoadedRun, task: str) -> LanguageDistribution:
    """Share of each language, or of each ordered pair, in the sentences of a masked row."""
    if task in ("tlm", ADDED):
        return loaded.pairs
    if task == MMLM_OWN or not loaded.pairs:
        return {(tag,): share for tag, share in loaded.languages.items()}
    return side_shares(loaded.pairs)


@dataclass(frozen=True)
class Example:
    """A sentence or a pair as a model reads it: the languages and the ids of each side, whole and as shown."""

    meaning: int
    languages: tuple[str, ...]
    whole: list[np.ndarray]
    shown: list[np.ndarray]

    def side(self, place: int) -> "Example":
        """The example with one of its sides alone."""
        return Example(self.meaning, (self.languages[place],), [self.whole[place]], [self.shown[place]])

    def hides(self, place: int) -> bool:
        """Whether a token of a side is masked."""
        return bool((self.whole[place] != self.shown[place]).any())


def masked_batch(examples: Sequence[Example], max_tokens: int) -> MaskedBatch:
    """Examples with as many sides each as a model reads them: two sides in one input, cut as in training."""
    sides = len(examples[0].whole)
    longest = longest_sentence(max_tokens, sides)
    whole, shown = (
        Rows.of([side for example in examples for side in getattr(example, name)], longest).joined(sides)
        for name in ("whole", "shown")
    )
    return MaskedBatch.of(whole, shown)


def masked_examples(
    loaded: LoadedRun, distribution: LanguageDistribution, sentences: int, seed: int
) -> list[Example]:
    """Held-out sentences masked by the ledger's rule (`lab.world.truth`): every chosen token shows `<mask>`.

    Raises:
        InputError: no language, or no pair, of the distribution has held-out text.
    """
    rng = np.random.default_rng([seed, LEDGER_MASKS])
    max_tokens = loaded.model.settings.model.max_tokens
    ids = {
        str(tag): dict(
            zip(part["meaning"], loaded.tokenizer.encode(part["text"].tolist(), max_tokens), strict=True)
        )
        for tag, part in held_out(loaded, seed).groupby("language")
    }
    meanings = {
        tags: sorted(set.intersection(*(set(ids.get(tag, {})) for tag in tags))) for tags in distribution
    }
    usable = [tags for tags in distribution if meanings[tags]]
    if not usable:
        raise InputError(f"run {loaded.run.name} holds out no text to measure on: train with more meanings")
    p = np.array([distribution[tags] for tags in usable])
    examples: list[Example] = []
    for choice in rng.choice(len(usable), sentences, p=p / p.sum()):
        tags = usable[choice]
        meaning = meanings[tags][int(rng.integers(len(meanings[tags])))]
        longest = longest_sentence(max_tokens, len(tags))
        sides = [Rows.of([ids[tag][meaning]], longest).ids for tag in tags]
        examples.append(Example(int(meaning), tags, sides, mask(sides, loaded.tokenizer.mask_id, RATE, rng)))
    return examples


def held_out(loaded: LoadedRun, seed: int = 0) -> pd.DataFrame:
    """Sentences to read: those the run holds out, or fresh ones where a world's meanings are not alike.

    A skewed world's corpus holds each meaning once, so its held-out sentences do not follow the world's law;
    independent draws do, and the truth is that law's.
    """
    if loaded.world is None or not loaded.skewed:
        return loaded.run.held_out()
    meanings = loaded.world.draw(FRESH_MEANINGS, seed + 1, without_replacement=False)
    table = pd.DataFrame(loaded.world.rows(meanings, seed + 1), columns=["meaning", "language", "text"])
    return table.assign(meaning=np.repeat(np.arange(FRESH_MEANINGS), len(loaded.world.languages)))
