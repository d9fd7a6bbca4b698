"""A finished run and the ideal reader of its world, asked for the same masked tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lab.evaluate.ledger.loaded_run import LoadedRun, load_run
from lab.evaluate.ledger.masked import masked_losses
from lab.evaluate.ledger.masked_text import Example
from lab.store import Run
from lab.world import World
from lab.world.distribution import entropy
from lab.world.ideal import IdealReader, LanguageDistribution

Ids = np.ndarray


@dataclass(frozen=True)
class Readers:
    """The model of a run and the ideal reader; made by `readers_of`."""

    loaded: LoadedRun

    @property
    def world(self) -> World:
        """The world that the run was trained on."""
        world = self.loaded.world
        assert world is not None, "lessons on the truth read the built-in world"
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
