"""XLCO in the ledger: InfoNCE on unseen translations, at several numbers of candidates."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.config import Settings
from core.errors import InputError
from core.information.bounds import Blocks, infonce
from lab.evaluate.effort import Effort, StudyProtocol
from lab.evaluate.ledger.leaving import Losses, MeanLoss, left_out, mean_loss
from lab.evaluate.ledger.limits import loss_limits
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.ledger.rows import ledger_row
from lab.evaluate.ledger.task import LedgerTask
from lab.evaluate.ledger.translations import (
    FEWEST_UNSEEN,
    MANY_CANDIDATES,
    QUERIES,
    EncodedPair,
    Pools,
    chosen_pairs,
    share_unseen,
)
from lab.evaluate.row import Row
from lab.evaluate.temperature import fitted_scale
from lab.evaluate.units import units
from lab.figures.tasks import PER_PAIR
from lab.world.critic import Attainable

FITTED_QUERIES: Final = 128
FEWEST_CANDIDATES: Final = 8
"""Pairs of languages with fewer held-out translations to measure with are left out of studies."""


class XLCOLedger(LedgerTask):
    """I(sentence; translation), bounded by InfoNCE: I >= log(candidates) - loss for any critic."""

    key: ClassVar[str] = "xlco"

    def rows(self, loaded: LoadedRun, effort: Effort) -> list[Row]:
        """For each number of candidates a row as trained and one with a fitted temperature.

        Numbers of candidates above `MANY_CANDIDATES` are measured in one direction, and pairs of languages without
        room for the fewest are left out.

        Raises:
            InputError: fewer than two candidates, or no pair has room for the fewest.
        """
        if not loaded.pairs:
            return []
        counts = sorted(set(effort.candidates))
        _check_candidates(counts)
        pairs = chosen_pairs(loaded.pairs, effort.pairs, effort.seed)
        usable = Pools(loaded, pairs, counts, effort.seed).with_room(counts[0])
        rows: list[Row] = []
        for at, count in enumerate(counts):
            directions = usable if count <= MANY_CANDIDATES else usable[:1]
            if count <= min(direction.room for direction in directions):
                loaded.progress("reading xlco", at, len(counts))
                ideal = attainable(loaded, directions, count)
                rows += [
                    contrast_information(loaded, directions, count, fitted, ideal).row()
                    for fitted in (False, True)
                ]
        loaded.progress("reading xlco", len(counts), len(counts))
        return rows

    def units(self, loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
        """Units of the bound with the protocol's number of candidates, or fewer, and with that of training."""
        if not loaded.pairs or share_unseen(loaded) <= FEWEST_UNSEEN:
            return
        settings = loaded.run.info.settings
        in_training = num_candidates(settings)
        counts = (protocol.candidates, *([in_training] if in_training else []))
        pairs = chosen_pairs(loaded.pairs, protocol.directions, settings.seed)
        directions = Pools(loaded, pairs, counts, settings.seed).with_room(FEWEST_CANDIDATES)
        room = min(direction.room for direction in directions)
        # a power of two, which stays one where other text holds out less than the protocol asks for
        usual = min(protocol.candidates, 2 ** int(math.log2(room)))
        measured: list[tuple[str, str | None, int]] = [("xlco", "xlco_loss", usual)]
        if 0 < in_training <= room:
            measured.append(("xlco_trained", None, in_training))
        for metric, loss_metric, count in measured:
            ideal = attainable(loaded, directions, count)
            information = contrast_information(loaded, directions, count, True, ideal)
            yield from information.units(metric, loss_metric)


def num_candidates(settings: Settings) -> int:
    """Candidates of a query in training, its own translation among them; 0 without contrast."""
    contrast = settings.contrast
    if not contrast.enabled:
        return 0
    return (settings.examples_of("contrast") if contrast.in_batch else 1) + contrast.queue


def _check_candidates(counts: Sequence[int]) -> None:
    if not counts or counts[0] < 2:
        raise InputError(f"expected numbers of candidates from 2, got {' '.join(map(str, counts)) or 'none'}")


@dataclass(frozen=True)
class ContrastInformation:
    """The InfoNCE bound on I(sentence; translation) in nats with so many candidates, a mean over directions.

    Attributes:
        directions: pairs of languages, with the vectors of sentences and translations.
        count: candidates.
        temperature: scores are divided by it.
        fitted: whether the temperature was fitted on other pairs, or is that of training.
        loss: the mean loss with its variance over queries and candidates.
        cosine: whether scores are cosines, which a temperature caps.
        truth: the information, where a world wrote the text.
        ideal: what the ideal critic shows with as many candidates.
        layer: hidden state that the vectors are of.
    """

    directions: Sequence[EncodedPair]
    count: int
    temperature: float
    fitted: bool
    loss: MeanLoss
    cosine: bool
    truth: float | None
    ideal: Attainable | None
    layer: int

    def row(self) -> Row:
        """The row of the ledger; its interval is that of the mean loss (`loss_limits`)."""
        loss, most = self.loss, math.log(self.count)
        limits = loss_limits(loss.mean, loss.variance, loss.added)
        alone = self.directions[0] if len(self.directions) == 1 else None
        return ledger_row(
            XLCOLedger.key, most - loss.mean, most - float(limits.high), most - float(limits.low), most,
            at_least=most - float(limits.most),
            truth=self.truth,
            truth_error=None if self.truth is None else 0.0,
            attainable=None if self.ideal is None else self.ideal.nats,
            attainable_error=None if self.ideal is None else self.ideal.error,
            unit=PER_PAIR,
            units_per_sentence=1.0,
            method="infonce, temperature fitted" if self.fitted else "infonce",
            layer=self.layer,
            source=alone.source if alone else None,
            target=alone.target if alone else None,
            n=len(self.directions) * int(np.count_nonzero(loss.weight)),
            candidates=self.count,
            temperature=self.temperature,
            effective_ceiling=cosine_ceiling(self.count, self.temperature) if self.cosine else None,
            pairs=[f"{direction.source}-{direction.target}" for direction in self.directions],
        )  # fmt: skip

    def units(self, metric: str, loss_metric: str | None = None) -> Iterable[pd.DataFrame]:
        """The bound by meaning, and the loss.

        A meaning counts as query and as candidate: its total is the bound plus what the bound loses without the
        meaning, times the number of meanings (a jackknife), so that the spread of totals is the bound's variance.
        """
        loss, most = self.loss, math.log(self.count)
        size = len(loss.meanings)
        bound = most - loss.mean + size * (loss.change - loss.change.mean())
        truth = math.nan if self.truth is None else self.truth
        shown = math.nan if self.ideal is None else self.ideal.nats
        yield units(metric, loss.meanings, bound, np.ones(size), most, truth, attainable=shown)
        if loss_metric is not None:
            yield units(loss_metric, loss.meanings, most - bound, np.ones(size))


def contrast_information(
    loaded: LoadedRun,
    directions: Sequence[EncodedPair],
    count: int,
    fitted: bool,
    ideal: Attainable | None,
) -> ContrastInformation:
    """Measures InfoNCE with so many candidates; `fitted`: with a temperature fitted on other pairs.

    `ideal` is what is attainable with as many candidates.
    """
    contrast, world = loaded.model.settings.contrast, loaded.world
    temperature = trained_temperature(loaded)
    if fitted:
        temperature = 1 / tightest_scale(directions, count, temperature)
    truth = None if world is None else sum(
        share * world.information_between(direction.source, direction.target)
        for share, direction in zip(shares_of_directions(directions), directions, strict=True)
    )  # fmt: skip
    return ContrastInformation(
        directions,
        count,
        temperature,
        fitted,
        contrast_loss(directions, count, temperature),
        contrast.normalise or not contrast.enabled,
        truth,
        ideal,
        contrast.layer if contrast.enabled else loaded.evaluation_layer,
    )


def trained_temperature(loaded: LoadedRun) -> float:
    """Temperature of the scores in training; 1 where the run was not trained on the contrast."""
    contrast = loaded.model.settings.contrast
    return contrast.temperature if contrast.enabled else 1.0


def tightest_scale(directions: Sequence[EncodedPair], count: int, temperature: float) -> float:
    """The factor on the scores, 1 / temperature, with the tightest bound on the pairs set aside for fitting.

    These pairs have fewer candidates than `count`, so each negative stands for several.

    Args:
        directions: with inner products as scores.
        count: candidates of the bound.
        temperature: the search begins around it.
    """
    parts = [
        (share, direction.queries[: min(FITTED_QUERIES, direction.fitted)] @ direction.keys[: direction.fitted].T,
         math.log((count - 1) / (direction.fitted - 1)))
        for share, direction in zip(shares_of_directions(directions), directions, strict=True)
        if direction.fitted > 1
    ]  # fmt: skip
    return fitted_scale(parts, -math.log(temperature))


def attainable(loaded: LoadedRun, directions: Sequence[EncodedPair], count: int) -> Attainable | None:
    """The ideal critic's InfoNCE with so many candidates, mean over the directions; None for text no world wrote.

    It follows from the world's own distribution; it takes no account of the meanings of the corpus, which are left
    out of the text that is read.
    """
    world = loaded.world
    if world is None:
        return None
    shares = shares_of_directions(directions)
    # without ambiguity all pairs of languages have one channel
    several = directions if world.settings["ambiguity"] else directions[:1]
    values = [
        world.attainable_between(direction.source, direction.target, [count])[0] for direction in several
    ]
    weights = shares if len(several) == len(shares) else [1.0]
    # the queries of all directions are drawn alike, so their errors add up
    return Attainable(
        sum(weight * value.nats for weight, value in zip(weights, values, strict=True)),
        sum(weight * value.error for weight, value in zip(weights, values, strict=True)),
    )


def shares_of_directions(directions: Sequence[EncodedPair]) -> list[float]:
    """Shares of the directions, scaled to a sum of 1."""
    total = sum(direction.share for direction in directions)
    return [direction.share / total for direction in directions]


def contrast_loss(directions: Sequence[EncodedPair], count: int, temperature: float) -> MeanLoss:
    """Mean InfoNCE loss with so many candidates over the directions; the bound is log(candidates) less it."""
    queries = min(QUERIES, *(len(direction.queries) - direction.fitted for direction in directions))
    losses = [
        contrast_losses(direction, share, count, temperature, queries)
        for direction, share in zip(directions, shares_of_directions(directions), strict=True)
    ]
    return mean_loss(losses, math.log(count))


@torch.no_grad()
def contrast_losses(
    direction: EncodedPair, share: float, count: int, temperature: float, queries: int = QUERIES
) -> Losses:
    """InfoNCE loss in nats of each query among so many candidates: its translation and those of others.

    Few candidates: each query meets those of its own group; many: all queries meet the same.
    """
    q, k = direction.queries[direction.fitted :] / temperature, direction.keys[direction.fitted :]
    queries = min(queries, len(q))
    groups, rows = max(1, queries // count), min(count, queries)
    terms: list[Tensor] = []
    changes: list[np.ndarray] = []
    for group in range(groups):
        group_queries, candidates = (
            q[group * rows : (group + 1) * rows],
            k[group * count : (group + 1) * count],
        )
        blocks = Blocks(
            lambda start, stop, a=group_queries, b=candidates: a[start:stop] @ b.T, rows, block=64
        )
        terms.append(infonce(blocks).terms)
        changes.append(left_out(group_queries, candidates) / groups)
    used = slice(direction.fitted, direction.fitted + groups * count)
    return Losses(
        share,
        math.log(count) - torch.stack(terms).double().numpy(),
        direction.meanings[used],
        np.tile(np.arange(count) < rows, groups),
        np.concatenate(changes),
    )


def cosine_ceiling(count: int, temperature: float) -> float:
    """The most that cosines over a temperature can show: log n - log(1 + (n - 1) exp(-2 / temperature)).

    >>> round(cosine_ceiling(4096, 0.1), 3), round(cosine_ceiling(4096, 1.0), 3)
    (8.318, 1.998)
    """
    return math.log(count) - math.log1p((count - 1) * math.exp(-2 / temperature))
