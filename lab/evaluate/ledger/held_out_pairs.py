"""Held-out translations as rows of the corpus, for tasks that are measured as they read in training."""

import numpy as np

from core.task_settings import MaskingSettings
from core.text.arrays import IntArray
from core.text.split import held_out_translations
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.ledger.reading import Reading
from lab.world.truth import RATE


def masked_for_ledger(masking: MaskingSettings) -> MaskingSettings:
    """The masks of a task by the ledger's rule: so many tokens for all tasks, each of which shows `<mask>`."""
    return masking.model_copy(
        update={"rate": RATE, "mask_share": 1.0, "random_share": 0.0, "mask_special": False}
    )


def held_out_pairs(loaded: LoadedRun, pairs: int, rng: np.random.Generator) -> IntArray:
    """Held-out translations, [pairs, 2] sentences of the corpus, drawn as training draws pairs, either side first.

    Nothing, [0, 2], where no translation is held out.
    """
    split, pivot = loaded.sampler.split, loaded.run.info.settings.text.pivot
    translations = loaded.corpus.index.translations(
        None if pivot is None else loaded.corpus.languages.index(pivot)
    )
    places = np.sort(held_out_translations(loaded.corpus, translations, split.held_out))
    bounds = np.searchsorted(places, translations.bounds)
    weights = np.where(np.diff(bounds) > 0, loaded.sampler.pair_p, 0.0)
    if not weights.any():
        return np.zeros((0, 2), dtype=np.int64)
    numbers = rng.choice(len(weights), pairs, p=weights / weights.sum())
    drawn = bounds[numbers] + (rng.random(pairs) * np.diff(bounds)[numbers]).astype(np.int64)
    rows = np.asarray(translations.rows[places[drawn]])
    return np.where(rng.random((pairs, 1)) < 0.5, rows[:, ::-1], rows)


def by_meaning(loaded: LoadedRun, rows: IntArray, sums: np.ndarray, counts: np.ndarray) -> Reading:
    """Cross-entropies in nats and numbers of tokens of each pair, [pairs], added up by meaning."""
    meanings, at = np.unique(loaded.corpus.meaning[rows[:, 0]], return_inverse=True)
    return Reading(meanings, np.bincount(at, sums), np.bincount(at, counts))
