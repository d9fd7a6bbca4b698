"""XLCO in the ledger: InfoNCE on unseen translations, at several numbers of candidates."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from core.errors import InputError
from core.information.bounds import Blocks, infonce
from lab.evaluate.estimates import Row
from lab.evaluate.ledger.leaving import Losses, MeanLoss, left_out, mean_loss
from lab.evaluate.ledger.limits import loss_limits
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.ledger.rows import ledger_row
from lab.evaluate.ledger.translations import MANY_CANDIDATES, PAIRS, QUERIES, EncodedPair, Pools, chosen_pairs
from lab.figures.tasks import PER_PAIR
from lab.world.critic import Attainable

CANDIDATES: Final = (16, 64, 256, 1_024, 4_096, 16_384, 131_072)
FITTED_QUERIES = 128


def contrast_rows(
    loaded: LoadedRun, candidates: Sequence[int] = CANDIDATES, pairs: int = PAIRS, seed: int = 0
) -> list[Row]:
    """InfoNCE on unseen translations for each number of candidates, as trained and with a fitted temperature.

    I >= log(candidates) - loss for any critic. Numbers of candidates above `WIDE` are measured in one direction, and
    pairs of languages without room for the fewest are left out.

    Raises:
        InputError: fewer than two candidates, or no pair has room for the fewest.
    """
    chosen = chosen_pairs(loaded.pairs, pairs, seed)
    counts = sorted(set(candidates))
    _check_candidates(counts)
    usable = Pools(loaded, chosen, counts, seed).with_room(counts[0])
    rows: list[Row] = []
    for count in counts:
        directions = usable if count <= MANY_CANDIDATES else usable[:1]
        if count <= min(one.room for one in directions):
            loaded.progress("reading xlco", counts.index(count), len(counts))
            ideal = attainable(loaded, directions, count)
            rows += [
                contrast_row(loaded, directions, count, scale, ideal)
                for scale in (None, fitted_scale(loaded, directions, count))
            ]
    loaded.progress("reading xlco", len(counts), len(counts))
    return rows


def _check_candidates(counts: Sequence[int]) -> None:
    if not counts or counts[0] < 2:
        raise InputError(f"expected numbers of candidates from 2, got {' '.join(map(str, counts)) or 'none'}")


def trained_temperature(loaded: LoadedRun) -> float:
    """What scores are divided by in training; 1 where the run was not trained on the contrast."""
    contrast = loaded.model.settings.contrast
    return contrast.temperature if contrast.enabled else 1.0


def fitted_scale(loaded: LoadedRun, directions: Sequence[EncodedPair], count: int) -> float:
    """The factor on the scores, 1 / temperature, with the tightest bound on the pairs kept for fitting.

    Those have fewer candidates than `count`, so each negative stands for several.
    """
    parts = [
        (share, one.queries[: min(FITTED_QUERIES, one.fitted)] @ one.keys[: one.fitted].T,
         math.log((count - 1) / (one.fitted - 1)))
        for share, one in zip(shares_of_directions(directions), directions, strict=True)
        if one.fitted > 1
    ]  # fmt: skip

    def loss(log_scale: float) -> float:
        factor = math.exp(log_scale)
        return sum(
            share * float(_fit_loss(scores * factor, stands_for)) for share, scores, stands_for in parts
        )

    middle = -math.log(trained_temperature(loaded))
    best: Any = minimize_scalar(
        loss, bounds=(middle - 4, middle + 4), method="bounded", options={"xatol": 0.01}
    )
    return math.exp(float(best.x))


def _fit_loss(scores: Tensor, stands_for: float) -> Tensor:
    positive = scores.diagonal()
    others = scores.clone().fill_diagonal_(-torch.inf)
    return (torch.logaddexp(positive, others.logsumexp(1) + stands_for) - positive).mean()


def attainable(loaded: LoadedRun, directions: Sequence[EncodedPair], count: int) -> Attainable | None:
    """The ideal critic's InfoNCE with so many candidates, mean over the directions; None for text no world wrote.

    Of the world's own law: that the meanings of the corpus are left out of what is read is not reckoned with.
    """
    world = loaded.world
    if world is None:
        return None
    shares = shares_of_directions(directions)
    # without ambiguity all pairs of languages have one channel
    several = directions if world.settings["ambiguity"] else directions[:1]
    values = [world.attainable_between(one.source, one.target, [count])[0] for one in several]
    weights = shares if len(several) == len(shares) else [1.0]
    # the queries of all directions are drawn alike, so their errors add up
    return Attainable(
        sum(weight * value.nats for weight, value in zip(weights, values, strict=True)),
        sum(weight * value.error for weight, value in zip(weights, values, strict=True)),
    )


def contrast_row(
    loaded: LoadedRun,
    directions: Sequence[EncodedPair],
    count: int,
    scale: float | None,
    ideal: Attainable | None,
) -> Row:
    """The InfoNCE bound with so many candidates, mean over the directions; `scale` None: as trained.

    `ideal` is what is attainable with as many. The interval is that of the mean loss (`loss_limits`), with a variance
    over queries and candidates (`mean_loss`).
    """
    contrast = loaded.model.settings.contrast
    temperature = trained_temperature(loaded) if scale is None else 1 / scale
    shares = shares_of_directions(directions)
    mean = contrast_loss(directions, count, temperature)
    most = math.log(count)
    limits = loss_limits(mean.mean, mean.variance, mean.added)
    cosine = contrast.normalise or not contrast.enabled
    world = loaded.world
    truth = None if world is None else sum(
        share * world.information_between(one.source, one.target)
        for share, one in zip(shares, directions, strict=True)
    )  # fmt: skip
    alone = directions[0] if len(directions) == 1 else None
    layers = loaded.model.encoder.config.num_hidden_layers
    return ledger_row(
        "xlco", most - mean.mean, most - float(limits.high), most - float(limits.low), most,
        at_least=most - float(limits.most),
        truth=truth,
        truth_error=None if world is None else 0.0,
        attainable=None if ideal is None else ideal.nats,
        attainable_error=None if ideal is None else ideal.error,
        unit=PER_PAIR,
        units_per_sentence=1.0,
        method="infonce" if scale is None else "infonce, temperature fitted",
        layer=contrast.layer if contrast.enabled else loaded.model.settings.evaluation_layer_of(layers),
        source=alone.source if alone else None,
        target=alone.target if alone else None,
        n=len(directions) * int(np.count_nonzero(mean.weight)),
        candidates=count,
        temperature=temperature,
        effective_ceiling=cosine_ceiling(count, temperature) if cosine else None,
        pairs=[f"{one.source}-{one.target}" for one in directions],
    )  # fmt: skip


def shares_of_directions(directions: Sequence[EncodedPair]) -> list[float]:
    """Their shares among each other."""
    total = sum(one.share for one in directions)
    return [one.share / total for one in directions]


def contrast_loss(directions: Sequence[EncodedPair], count: int, temperature: float) -> MeanLoss:
    """Mean InfoNCE loss with so many candidates over the directions; the bound is log(candidates) less it."""
    queries = min(QUERIES, *(len(one.queries) - one.fitted for one in directions))
    losses = [
        contrast_losses(one, share, count, temperature, queries)
        for one, share in zip(directions, shares_of_directions(directions), strict=True)
    ]
    return mean_loss(losses, math.log(count))


@torch.no_grad()
def contrast_losses(
    one: EncodedPair, share: float, count: int, temperature: float, queries: int = QUERIES
) -> Losses:
    """InfoNCE loss in nats of each query among so many candidates: its translation and those of others.

    Few candidates: each query meets those of its own group; many: all queries meet the same.
    """
    q, k = one.queries[one.fitted :] / temperature, one.keys[one.fitted :]
    queries = min(queries, len(q))
    groups, rows = max(1, queries // count), min(count, queries)
    terms: list[Tensor] = []
    changes: list[np.ndarray] = []
    for group in range(groups):
        asked, offered = q[group * rows : (group + 1) * rows], k[group * count : (group + 1) * count]
        blocks = Blocks(lambda start, stop, a=asked, b=offered: a[start:stop] @ b.T, len(asked), block=64)
        terms.append(infonce(blocks).terms)
        changes.append(left_out(asked, offered) / groups)
    used = slice(one.fitted, one.fitted + groups * count)
    return Losses(
        share,
        math.log(count) - torch.stack(terms).double().numpy(),
        one.meanings[used],
        np.tile(np.arange(count) < rows, groups),
        np.concatenate(changes),
    )


def cosine_ceiling(count: int, temperature: float) -> float:
    """The most that cosines over a temperature can show: log n - log(1 + (n - 1) exp(-2 / temperature)).

    >>> round(reachable(4096, 0.1), 3), round(reachable(4096, 1.0), 3)
    (8.318, 1.998)
    """
    return math.log(count) - math.log1p((count - 1) * math.exp(-2 / temperature))
