"""A finished run and the ideal reader of its world, asked for the same masked tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from core.model.heads import token_losses
from core.text.batches import join_pair, masked_batch
from lab.evaluate.ledger.loaded_run import BATCH, LoadedRun, load_run
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
        """Knows the world and the run's tokenizer."""
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
        """How a language tells a meaning."""
        return self.world.sentence(meaning, tag)

    @torch.no_grad()
    def losses(self, whole: Sequence[Sequence[Ids]], shown: Sequence[Sequence[Ids]]) -> list[np.ndarray]:
        """Cross-entropies of the model in nats, one per masked token of each example; two sides are read joined."""
        model, longest = self.loaded.model, self.loaded.model.settings.model.max_tokens
        device = next(model.parameters()).device
        found: list[np.ndarray] = []
        for begin in range(0, len(whole), BATCH):
            rows, read = (
                [side[0] if len(side) == 1 else join_pair(side[0], side[1], longest) for side in part]
                for part in (whole[begin : begin + BATCH], shown[begin : begin + BATCH])
            )
            positions = [np.flatnonzero(a != b) for a, b in zip(rows, read, strict=True)]
            batch = masked_batch(rows, read, positions).to(device)
            states = model.masked_states(batch.sequences, batch.positions)
            nats = token_losses(model.language_model.lm_head, states, batch.targets).double().cpu().numpy()
            found += np.split(nats, np.cumsum([len(at) for at in positions])[:-1])
        return found

    def uncertainty(self, shown: Sequence[Ids], shares: LanguageDistribution) -> np.ndarray:
        """H(token | what is visible) in nats, exact, one per masked token of all sides together."""
        found = self.ideal.posteriors(shown, shares)
        return np.array([entropy(np.array(list(p.values()))) for side in found for p in side])


def readers_of(run: Run) -> Readers:
    """A run with its newest checkpoint, and the ideal reader of its world."""
    return Readers(load_run(run))
