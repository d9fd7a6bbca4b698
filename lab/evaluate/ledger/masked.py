"""What a model shows of masked tokens: H(token) less its cross-entropy on held-out text, as a row and in units."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from core.errors import InputError
from core.model.heads import token_losses
from core.objectives.mmlm import MMLM
from core.objectives.tlm import TLM
from lab.evaluate.ledger.limits import NORMAL, ONE_SIDED_NORMAL
from lab.evaluate.ledger.loaded_run import BATCH, LoadedRun
from lab.evaluate.ledger.masked_text import Example, language_distribution, masked_batch, masked_examples
from lab.evaluate.ledger.reading import Reading
from lab.evaluate.ledger.rows import ledger_row
from lab.evaluate.row import Row
from lab.evaluate.units import units
from lab.figures.tasks import MMLM_OWN, PER_TOKEN
from lab.world.truth import ExactInformation

CEILING = "= H(token)"


@dataclass(frozen=True)
class MaskedInformation:
    """A lower bound on I(what is visible; masked token) in nats: H(token) less the cross-entropy of a model.

    Attributes:
        task: key of the row.
        reading: cross-entropies of the masked tokens, by meaning.
        entropy: H(token) in nats.
        language_nats: what the language alone tells of a token.
        exact: the truth, where a world wrote the text.
        sentences: that were read.
        layer: hidden state that the vocabulary head reads.
    """

    task: str
    reading: Reading
    entropy: float
    language_nats: float
    exact: ExactInformation | None
    sentences: int
    layer: int

    def row(self) -> Row:
        """The row of the ledger.

        Its interval is that of the mean loss over meanings, all sentences of one together (`loss_limits`), widened by
        the error of H(token) where that is sampled.
        """
        reading, exact = self.reading, self.exact
        limits, value = reading.limits(self.entropy), self.entropy - reading.mean

        def widened(sign: int, end: Any, errors: float) -> float:
            error = errors * exact.token_entropy_error if exact else 0.0
            return value + sign * math.hypot(float(end) - reading.mean, error)

        return ledger_row(
            self.task, value, widened(-1, limits.high, NORMAL), widened(1, limits.low, NORMAL), self.entropy,
            limit=CEILING,
            at_least=widened(-1, limits.most, ONE_SIDED_NORMAL),
            truth=exact.information_nats if exact else None,
            truth_error=exact.information_error if exact else None,
            method="H(token) - cross-entropy",
            layer=self.layer,
            n=int(reading.counts.sum()),
            unit=PER_TOKEN,
            units_per_sentence=float(reading.counts.sum()) / self.sentences,
            language_nats=self.language_nats,
        )  # fmt: skip

    def units(self, metric: str) -> Iterable[pd.DataFrame]:
        """The bound by meaning, and the cross-entropy as the metric `{metric}_loss`."""
        reading, truth = self.reading, self.exact.information_nats if self.exact else math.nan
        bound = self.entropy * reading.counts - reading.sums
        yield units(metric, reading.meanings, bound, reading.counts, self.entropy, truth, attainable=truth)
        yield units(f"{metric}_loss", reading.meanings, reading.sums, reading.counts)


def masked_information(
    loaded: LoadedRun, task: str, sentences: int, seed: int, exact: ExactInformation | None
) -> MaskedInformation:
    """The information that the model shows in a row of `masked_tasks`, except the difference of two rows."""
    alone = _reads_sentences(loaded, task)
    entropy, language_nats = loaded.token_nats(MMLM.reads if alone else TLM.reads)
    return MaskedInformation(
        task,
        masked_reading(loaded, task, sentences, seed),
        exact.token_entropy_nats if exact else entropy,
        language_nats,
        exact,
        sentences * (1 if alone else 2),
        loaded.num_layers,
    )


def masked_reading(loaded: LoadedRun, task: str, sentences: int, seed: int = 0) -> Reading:
    """Cross-entropies of the masked tokens of held-out text in a row of `masked_tasks`.

    The tasks `mmlm` and `tlm` read the same pairs with the same masks, MMLM each side without the other.
    """
    if (task, sentences, seed) not in loaded.readings:
        drawn_as = MMLM_OWN if _reads_sentences(loaded, task) else "tlm"
        examples = masked_examples(loaded, language_distribution(loaded, drawn_as), sentences, seed)
        read = cross_entropies_apart if task == "mmlm" else cross_entropies
        sums, counts = read(loaded, examples, task)
        meanings, at = np.unique([example.meaning for example in examples], return_inverse=True)
        reading = Reading(meanings, np.bincount(at, sums), np.bincount(at, counts))
        loaded.readings[task, sentences, seed] = reading
    return loaded.readings[task, sentences, seed]


def _reads_sentences(loaded: LoadedRun, task: str) -> bool:
    """Whether a row is of sentences as MMLM draws them, not of the pairs that TLM draws."""
    return task == MMLM_OWN or not loaded.pairs


def cross_entropies_apart(
    loaded: LoadedRun, examples: Sequence[Example], task: str
) -> tuple[np.ndarray, np.ndarray]:
    """Cross-entropies as in `cross_entropies`, each side of a pair read without the other."""
    sides = [
        (at, example.side(place))
        for at, example in enumerate(examples)
        for place in range(len(example.whole))
        if example.hides(place)
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


def cross_entropies(
    loaded: LoadedRun, examples: Sequence[Example], task: str
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the cross-entropies of masked tokens in nats, and their number, per example.

    Raises:
        InputError: no token was masked.
    """
    losses = masked_losses(loaded, examples, f"reading {task}")
    counts = np.array([len(nats) for nats in losses], dtype=np.int64)
    if not counts.sum():
        raise InputError(f"no token was masked in {len(examples)} sentences: raise --sentences")
    owners = np.repeat(np.arange(len(examples)), counts)
    return np.bincount(owners, np.concatenate(losses), minlength=len(examples)), counts


@torch.no_grad()
def masked_losses(loaded: LoadedRun, examples: Sequence[Example], phase: str = "reading") -> list[np.ndarray]:
    """Cross-entropies of the model in nats, one per masked token of each example; two sides are read joined."""
    model, device = loaded.model, next(loaded.model.parameters()).device
    losses: list[np.ndarray] = [np.zeros(0)] * len(examples)
    order = np.argsort([sum(map(len, example.whole)) for example in examples], kind="stable")
    for begin in range(0, len(order), BATCH):
        part = order[begin : begin + BATCH]
        batch = masked_batch([examples[i] for i in part], model.settings.model.max_tokens)
        ends = batch.sequences.lengths.cumsum(0)
        owners = torch.searchsorted(ends, batch.positions, right=True).numpy()
        batch = batch.to(device)
        states = model.masked_states(batch.sequences, batch.positions)
        nats = token_losses(model.language_model.lm_head, states, batch.targets).double().cpu().numpy()
        for i, row in zip(
            part, np.split(nats, np.searchsorted(owners, np.arange(1, len(part)))), strict=True
        ):
            losses[i] = row
        loaded.progress(phase, begin + len(part), len(order))
    return losses
