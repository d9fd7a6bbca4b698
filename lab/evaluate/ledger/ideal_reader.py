"""Masked tokens read by a run and by the ideal reader of its world: what each leaves open."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from lab.evaluate.ledger.loaded_run import LoadedRun, load_run
from lab.evaluate.ledger.masked import masked_losses
from lab.evaluate.ledger.masked_text import Example, language_distribution, masked_examples
from lab.figures.tasks import MMLM_OWN
from lab.store import Run
from lab.world import World
from lab.world.distribution import entropy
from lab.world.ideal import IdealReader, LanguageDistribution

Ids = np.ndarray
CERTAIN: Final = 0.05
"""Nats of uncertainty below which a token is as good as known from its context."""


@dataclass(frozen=True)
class Readers:
    """The model of a run and the ideal reader; made by `readers_of`."""

    loaded: LoadedRun

    @property
    def world(self) -> World:
        """The world that the run was trained on."""
        world = self.loaded.world
        assert world is not None, "only the built-in world has an ideal reader"
        return world

    @cached_property
    def ideal(self) -> IdealReader:
        """The ideal reader, who knows the world and the run's tokenizer."""
        return IdealReader(self.world, self.loaded.tokenizer)

    @cached_property
    def token_shares(self) -> np.ndarray:
        """P(token) over the languages as the run meets them; `<s>` and `</s>` left out."""
        counts = np.sum(
            [share * self.ideal.frequencies.counts[tag] for tag, share in self.loaded.languages.items()],
            axis=0,
        )
        return counts / counts.sum()

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Token ids of sentences, `<s>` ... `</s>`."""
        return self.loaded.tokenizer.encode(list(texts))

    def text(self, meaning: int, tag: str) -> str:
        """The sentence with which a language tells a meaning."""
        return self.world.sentence(meaning, tag)

    def losses(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """Cross-entropies of the model in nats, one per masked token of each example; two sides are read joined."""
        return masked_losses(self.loaded, examples)

    def uncertainty(self, shown: Sequence[Ids], shares: LanguageDistribution) -> np.ndarray:
        """H(token | what is visible) in nats, exact, one per masked token of all sides together."""
        posteriors = self.ideal.posteriors(shown, shares)
        return np.array([entropy(np.array(list(p.values()))) for side in posteriors for p in side])


def readers_of(run: Run) -> Readers:
    """A run with its newest checkpoint, and the ideal reader of its world."""
    return Readers(load_run(run))


def tokens_of_a_sentence(readers: Readers, tag: str = "en", seed: int = 7) -> pd.DataFrame:
    """Each token of one sentence, masked in turn: columns token, surprisal, exact, reached, uncertainty, loss (nats).

    `surprisal` is -log p(token); `exact` is what of it the rest of the sentence takes away, log p(token | rest) less
    log p(token); `reached` is the same by the model.
    """
    meaning = int(readers.world.draw(1, seed)[0])
    ids = readers.encode([readers.text(meaning, tag)])[0]
    mask = readers.loaded.tokenizer.mask_id
    shown = [np.where(np.arange(len(ids)) == at, mask, ids) for at in range(1, len(ids) - 1)]
    shares = language_distribution(readers.loaded, MMLM_OWN)
    losses = np.concatenate(readers.losses([Example(meaning, (tag,), [ids], [row]) for row in shown]))
    rows = []
    for at, (row, loss) in enumerate(zip(shown, losses, strict=True), start=1):
        ((posterior,),) = readers.ideal.posteriors([row], shares)
        surprisal = -math.log(readers.token_shares[ids[at]])
        uncertainty = abs(entropy(np.array(list(posterior.values()))))
        exact = surprisal + math.log(posterior[int(ids[at])])
        written = readers.loaded.tokenizer.tokens([ids[at]])[0].removeprefix("▁") or "▁"
        rows.append((written, surprisal, exact, surprisal - loss, uncertainty, loss))
    return pd.DataFrame(rows, columns=["token", "surprisal", "exact", "reached", "uncertainty", "loss"])


def by_certainty(readers: Readers, sentences: int) -> pd.DataFrame:
    """Masked tokens of held-out sentences by what their context leaves open, in nats per token.

    Columns share (of the tokens), exact (mean uncertainty that is left) and model (mean cross-entropy).
    """
    shares = language_distribution(readers.loaded, MMLM_OWN)
    examples = masked_examples(readers.loaded, shares, sentences, 0)
    examples = [example for example in examples if example.hides(0)]
    exact = np.concatenate([readers.uncertainty(example.shown, shares) for example in examples])
    model = np.concatenate(readers.losses(examples))
    table = pd.DataFrame({"exact": np.abs(exact), "model": model})
    kind = np.where(table["exact"] < CERTAIN, "the context decides it", "the context leaves a choice")
    grouped = table.groupby(kind)
    means = grouped.mean()
    return means.assign(share=grouped.size() / len(table))[["share", "exact", "model"]]
