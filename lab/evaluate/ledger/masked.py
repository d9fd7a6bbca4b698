"""MMLM and TLM in the ledger: H(token) less the cross-entropy of the masked tokens of held-out sentences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from core.errors import InputError
from core.model.heads import token_losses
from core.text.batches import join_pair, masked_batch, truncate
from lab.evaluate.estimates import Row
from lab.evaluate.ledger.limits import NORMAL, ONE_SIDED_NORMAL
from lab.evaluate.ledger.loaded_run import BATCH, LoadedRun, language_distribution, masked_tasks
from lab.evaluate.ledger.reading import Reading, difference_limits
from lab.evaluate.ledger.rows import ledger_row
from lab.figures.tasks import ADDED, MMLM_OWN, PER_TOKEN
from lab.world.ideal import LanguageDistribution
from lab.world.truth import RATE, ExactInformation, mask

SENTENCES = 2_000


def masked_reading(loaded: LoadedRun, task: str, sentences: int = SENTENCES, seed: int = 0) -> Reading:
    """How the model reads the masked tokens of held-out text in a task of `masked_tasks`.

    The tasks `mmlm` and `tlm` read the same pairs with the same masks, MMLM each side without the other.
    """
    alone = task == MMLM_OWN or not loaded.pairs
    examples = masked_examples(
        loaded, language_distribution(loaded, MMLM_OWN if alone else "tlm"), sentences, seed
    )
    read = cross_entropies_apart if task == "mmlm" else cross_entropies
    sums, counts = read(loaded, examples, task)
    meanings, at = np.unique([example.meaning for example in examples], return_inverse=True)
    return Reading(meanings, np.bincount(at, sums), np.bincount(at, counts))


def masked_rows(
    loaded: LoadedRun, truths: Mapping[str, ExactInformation], sentences: int = SENTENCES, seed: int = 0
) -> list[Row]:
    """The rows of MMLM and TLM, of what the translation adds, and of MMLM on its own sentences where they differ."""
    tasks = masked_tasks(loaded)
    readings = {task: masked_reading(loaded, task, sentences, seed) for task in tasks if task != ADDED}
    rows: list[Row] = []
    for task in tasks:
        read = sentences * (1 if task == MMLM_OWN or not loaded.pairs else 2)
        if task == ADDED:
            rows.append(added_row(loaded, readings["mmlm"], readings["tlm"], truths, read))
        else:
            rows.append(masked_row(loaded, task, readings[task], truths, read))
    return rows


def masked_row(
    loaded: LoadedRun, task: str, reading: Reading, truths: Mapping[str, ExactInformation], sentences: int
) -> Row:
    """H(token) - cross-entropy of the masked tokens of as many held-out sentences: a bound on what the context tells.

    Its interval is that of the mean loss over meanings, all sentences of one together (`loss_limits`), widened by
    the error of H(token) where that is sampled.
    """
    known = truths.get(task)
    entropy = known.token_entropy_nats if known else token_entropy(loaded, task)
    limits = reading.limits(entropy)
    value = entropy - reading.mean

    def widened(sign: int, end: Any, errors: float) -> float:
        error = errors * known.token_entropy_error if known else 0.0
        return value + sign * math.hypot(float(end) - reading.mean, error)

    return ledger_row(
        task, value, widened(-1, limits.high, NORMAL), widened(1, limits.low, NORMAL), entropy,
        at_least=widened(-1, limits.most, ONE_SIDED_NORMAL),
        truth=known.information_nats if known else None,
        truth_error=known.information_error if known else None,
        method="H(token) - cross-entropy",
        layer=loaded.model.encoder.config.num_hidden_layers,
        n=int(reading.counts.sum()),
        unit=PER_TOKEN,
        units_per_sentence=float(reading.counts.sum()) / sentences,
        language_nats=loaded.language_nats[_drawn_as(loaded, task)],
    )  # fmt: skip


def token_entropy(loaded: LoadedRun, task: str) -> float:
    """H(token) of the corpus in nats, of the tokens that a task masks."""
    return loaded.token_entropies[_drawn_as(loaded, task)]


def _drawn_as(loaded: LoadedRun, task: str) -> str:
    """The training task that draws languages as a task of the ledger does."""
    return "mmlm" if task == MMLM_OWN or not loaded.pairs else "tlm"


def added_row(
    loaded: LoadedRun, mmlm: Reading, tlm: Reading, truths: Mapping[str, ExactInformation], sentences: int
) -> Row:
    """I(translation; token | context), estimated by the cross-entropy of MMLM less that of TLM on the same tokens.

    A difference of two bounds is no bound: it exceeds the truth where MMLM is loose, and stays below where TLM is. The
    interval joins those of both by their correlation (Zou and Donner 2008).
    """
    known = truths.get(ADDED)
    guess = token_entropy(loaded, "tlm")
    low, high = difference_limits(mmlm, tlm, guess)
    return ledger_row(
        ADDED, mmlm.mean - tlm.mean, low, high, None,
        kind="estimate",
        truth=known.information_nats if known else None,
        truth_error=known.information_error if known else None,
        method="difference of the bounds",
        layer=loaded.model.encoder.config.num_hidden_layers,
        n=int(tlm.counts.sum()),
        unit=PER_TOKEN,
        units_per_sentence=float(tlm.counts.sum()) / sentences,
    )  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A sentence or a pair as a model reads it: the languages and the ids of each side, whole and as shown."""

    meaning: int
    languages: tuple[str, ...]
    whole: list[np.ndarray]
    shown: list[np.ndarray]


def masked_examples(
    loaded: LoadedRun, shares: LanguageDistribution, sentences: int, seed: int
) -> list[Example]:
    """Held-out sentences masked by the ledger's rule (`lab.world.truth`): every chosen token shows `<mask>`."""
    rng = np.random.default_rng([seed, 1])
    longest = loaded.model.settings.model.max_tokens
    table = held_out(loaded, seed)
    ids = {
        str(tag): dict(
            zip(part["meaning"], loaded.tokenizer.encode(part["text"].tolist(), longest), strict=True)
        )
        for tag, part in table.groupby("language")
    }
    shared = {tags: sorted(set.intersection(*(set(ids.get(tag, {})) for tag in tags))) for tags in shares}
    kept = {tags: share for tags, share in shares.items() if shared[tags]}
    if not kept:
        raise InputError(f"run {loaded.run.name} holds out no text to measure on: train with more meanings")
    p = np.array(list(kept.values()))
    examples: list[Example] = []
    for choice in rng.choice(len(kept), sentences, p=p / p.sum()):
        tags = list(kept)[choice]
        meaning = shared[tags][int(rng.integers(len(shared[tags])))]
        content = longest - 2 if len(tags) == 1 else (longest - 3) // 2
        sides = [truncate(ids[tag][meaning], content) for tag in tags]
        examples.append(Example(int(meaning), tags, sides, mask(sides, loaded.tokenizer.mask_id, RATE, rng)))
    return examples


def held_out(loaded: LoadedRun, seed: int = 0) -> pd.DataFrame:
    """Sentences to read: those the run holds out, or fresh ones where a world's meanings are not alike.

    A skewed world's corpus holds each meaning once, so its held-out sentences do not follow the world's law;
    independent draws do, and the truth is that law's.
    """
    if loaded.world is None or not loaded.skewed:
        return loaded.run.held_out()
    meanings = loaded.world.draw(SENTENCES, seed + 1, without_replacement=False)
    table = pd.DataFrame(loaded.world.rows(meanings, seed + 1), columns=["meaning", "language", "text"])
    return table.assign(meaning=np.repeat(np.arange(SENTENCES), len(loaded.world.languages)))


def cross_entropies_apart(
    loaded: LoadedRun, examples: Sequence[Example], task: str
) -> tuple[np.ndarray, np.ndarray]:
    """As `cross_entropies`, each side of a pair read without the other."""
    sides = [
        (at, Example(example.meaning, (language,), [whole], [shown]))
        for at, example in enumerate(examples)
        for language, whole, shown in zip(example.languages, example.whole, example.shown, strict=True)
        if (whole != shown).any()
    ]
    sums, counts = cross_entropies(loaded, [side for _, side in sides], task)
    return summed_by_example([at for at, _ in sides], sums, counts, len(examples))


def summed_by_example(
    owners: Sequence[int] | np.ndarray, sums: np.ndarray, counts: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sums and counts of parts, added up for the examples that own them: one number per example each."""
    totals = (
        np.bincount(np.asarray(owners, dtype=np.int64), each, minlength=size) for each in (sums, counts)
    )
    return next(totals), next(totals).astype(np.int64)


@torch.no_grad()
def cross_entropies(
    loaded: LoadedRun, examples: Sequence[Example], task: str
) -> tuple[np.ndarray, np.ndarray]:
    """Per example the sum of the cross-entropies of its masked tokens in nats, and how many there are."""
    model, device = loaded.model, next(loaded.model.parameters()).device
    longest = loaded.model.settings.model.max_tokens
    whole, shown = (
        [side[0] if len(side) == 1 else join_pair(side[0], side[1], longest) for side in sides]
        for sides in ([one.whole for one in examples], [one.shown for one in examples])
    )
    sums, counts = np.zeros(len(examples)), np.zeros(len(examples), dtype=np.int64)
    order = np.argsort([len(row) for row in whole], kind="stable")
    for begin in range(0, len(order), BATCH):
        part = order[begin : begin + BATCH]
        positions = [np.flatnonzero(whole[i] != shown[i]) for i in part]
        counts[part] = [len(at) for at in positions]
        batch = masked_batch([whole[i] for i in part], [shown[i] for i in part], positions).to(device)
        states = model.masked_states(batch.sequences, batch.positions)
        losses = token_losses(model.language_model.lm_head, states, batch.targets).double().cpu().numpy()
        np.add.at(sums, np.repeat(part, counts[part]), losses)
        loaded.progress(f"reading {task}", begin + len(part), len(order))
    if not counts.sum():
        raise InputError(f"no token was masked in {len(examples)} sentences: raise --sentences")
    return sums, counts
