"""Translations that a run has never seen, and their vectors: what XLCO is measured on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.model.infoxlm import InfoXLM
from core.objectives.xlco import XLCO
from core.streams import LEDGER_ORDER, LEDGER_PAIRS
from core.text.batches import unmasked
from lab.evaluate.ledger.loaded_run import BATCH, LoadedRun
from lab.evaluate.vectors import encode
from lab.world import World

MANY_CANDIDATES: Final = 16_384
"""Above this many candidates one direction is measured instead of several: encoding them is what takes time."""
QUERIES, FITTED_POOL = 512, 2_048
FEWEST_UNSEEN: Final = 0.01
"""Smallest share of a world's meanings that the corpus must leave over: with fewer, drawing them takes too long."""


@dataclass(frozen=True)
class EncodedPair:
    """Contrast vectors of one directed pair of languages: row i of the keys translates row i of the queries.

    The first `fitted` rows are for fitting a temperature, the others to measure with; there may be more keys
    than queries. `meanings` are those of the keys, numbered alike in all directions.
    """

    source: str
    target: str
    share: float
    queries: Tensor
    keys: Tensor
    fitted: int
    meanings: np.ndarray

    @property
    def room(self) -> int:
        """The most candidates that it can be measured with."""
        return len(self.keys) - self.fitted


def chosen_pairs(
    shares: Mapping[tuple[str, str], float], pairs: int, seed: int = 0
) -> dict[tuple[str, str], float]:
    """Some pairs of languages, drawn with the run's own probabilities, in both directions, and their shares."""
    both = [(a, b) for a, b in shares if a < b]
    p = np.array([shares[pair] for pair in both])
    drawn = np.random.default_rng([seed, LEDGER_PAIRS]).choice(
        len(both), min(pairs, len(both)), replace=False, p=p / p.sum()
    )
    wanted = [pair for at in sorted(drawn) for pair in (both[at], both[at][::-1])]
    total = sum(shares[pair] for pair in wanted)
    return {pair: shares[pair] / total for pair in wanted}


class Pools:
    """Unseen translations of the chosen pairs of languages, encoded as the run contrasts them."""

    def __init__(
        self, loaded: LoadedRun, pairs: Mapping[tuple[str, str], float], counts: Sequence[int], seed: int
    ) -> None:
        self.loaded = loaded
        self._encoded: dict[tuple[str, bool], Tensor] = {}
        first_pair = next(iter(pairs))
        tags = sorted({tag for pair in pairs for tag in pair})
        usual = max([QUERIES, *(count for count in counts if count <= MANY_CANDIDATES)]) + FITTED_POOL
        sizes = dict.fromkeys(tags, usual)
        sizes[first_pair[1]] = max([usual, *(count + FITTED_POOL for count in counts)])
        self._texts = unseen(loaded, sizes, seed)
        # other text: one random order of all meanings, so that none serves to fit in one direction and to measure in
        # another
        self._meanings = np.unique(np.concatenate([meanings for meanings, _ in self._texts.values()]))
        self._rank = np.random.default_rng([seed, LEDGER_ORDER]).permutation(len(self._meanings))
        self._fitted = min(FITTED_POOL, len(self._meanings) // 4)
        self.directions = [self._direction(pair, share) for pair, share in pairs.items()]

    def _direction(self, pair: tuple[str, str], share: float) -> EncodedPair:
        source, target = pair
        queries, keys = self._vectors(source, key=False), self._vectors(target, key=True)
        if self.loaded.world is not None:
            fitted, meanings = min(FITTED_POOL, len(queries) // 4), np.arange(len(keys))
            return EncodedPair(source, target, share, queries, keys, fitted, meanings)
        meanings, i, j = np.intersect1d(*(self._texts[tag][0] for tag in pair), return_indices=True)
        rank = self._rank[np.searchsorted(self._meanings, meanings)]
        order = np.argsort(rank)
        fitted = int(np.count_nonzero(rank < self._fitted))
        return EncodedPair(source, target, share, queries[i[order]], keys[j[order]], fitted, meanings[order])

    def with_room(self, count: int) -> list[EncodedPair]:
        """The directions that have so many meanings to measure with.

        Raises:
            InputError: none has.
        """
        usable = [direction for direction in self.directions if direction.room >= count]
        if not usable:
            room = max(direction.room for direction in self.directions)
            raise InputError(
                f"expected room for {count:,} candidates, got {room:,} unseen meanings: hold out more, or ask for "
                f"--candidates {max(2, room)}"
            )
        return usable

    def _vectors(self, tag: str, key: bool) -> Tensor:
        """Vectors of a language's sentences; one encoder for both sides encodes them once."""
        by_key_encoder = key and has_key_encoder(self.loaded.model)
        if (tag, by_key_encoder) not in self._encoded:
            texts = self._texts[tag][1]
            self._encoded[tag, by_key_encoder] = contrast_vectors(
                self.loaded, texts, by_key_encoder, f"encoding {tag}"
            )
        return self._encoded[tag, by_key_encoder]


def unseen(loaded: LoadedRun, sizes: Mapping[str, int], seed: int) -> dict[str, tuple[np.ndarray, list[str]]]:
    """Meanings and sentences by language that the run did not train on, row by row; rows translate each other.

    In a world, fresh meanings are drawn independently, so InfoNCE bounds the information of the world itself. In a
    uniform world the meanings of the corpus are left out; the rest stay equally likely. Other text has only what the
    run holds out.
    """
    if loaded.world is None:
        parts = loaded.run.held_out().groupby("language")
        return {str(tag): (part["meaning"].to_numpy(), part["text"].tolist()) for tag, part in parts}
    settings, most, left = loaded.world.settings, max(sizes.values()), share_unseen(loaded)
    if left <= FEWEST_UNSEEN:
        raise InputError(
            f"run {loaded.run.name} has seen all meanings of its world: train with fewer, to have some to measure on"
        )
    drawn = loaded.world.draw(int(1.2 * most / left) + 100, seed + 2, without_replacement=False)
    fresh = drawn if loaded.skewed else drawn[~np.isin(drawn, loaded.meanings)]
    sentences: dict[str, tuple[np.ndarray, list[str]]] = {}
    for tag, size in sizes.items():
        speaker = World.load(**{**settings, "languages": [tag]})
        rows = speaker.rows(fresh[:size], seed + 2)
        sentences[tag] = (np.arange(size), [text for _, _, text in rows])
    return sentences


def share_unseen(loaded: LoadedRun) -> float:
    """The share of the meanings of its world that a run may be measured on: those its corpus does not have."""
    if loaded.world is None or loaded.skewed:
        return 1.0
    return 1 - len(loaded.meanings) / loaded.world.num_meanings


def has_key_encoder(model: InfoXLM) -> bool:
    """Whether another encoder than that of the queries encodes translations."""
    return XLCO.section in model.tasks and XLCO.of(model).key_encoder is not None


@torch.no_grad()
def contrast_vectors(loaded: LoadedRun, texts: Sequence[str], key: bool, phase: str) -> Tensor:
    """Vectors whose inner products are the run's scores before the temperature, [texts, hidden].

    A run without the contrast task has no such scores: the cosines of the vectors that retrieval reads stand in.
    """
    model, settings = loaded.model, loaded.model.settings
    if not settings.contrast.enabled:
        vectors = encode(
            model, loaded.tokenizer, texts, [loaded.evaluation_layer], settings.measure.pooling,
            lambda _, done, of: loaded.progress(phase, done, of),
        )[loaded.evaluation_layer]  # fmt: skip
        return torch.nn.functional.normalize(torch.from_numpy(vectors), dim=-1)
    contrast, device, longest = XLCO.of(model), next(model.parameters()).device, settings.model.max_tokens
    rows = loaded.tokenizer.encode(texts, longest)
    order = np.argsort([len(row) for row in rows], kind="stable")
    vectors = torch.empty(len(rows), model.encoder.config.hidden_size)
    for begin in range(0, len(order), BATCH):
        part = order[begin : begin + BATCH]
        sequences = unmasked([rows[i] for i in part], longest).to(device)
        vectors[part] = (contrast.keys if key else contrast.queries)(model, sequences).float().cpu()
        loaded.progress(phase, begin + len(part), len(order))
    return vectors
