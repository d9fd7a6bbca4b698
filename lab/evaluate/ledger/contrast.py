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
from lab.evaluate.ledger.rows import RESAMPLES, ledger_row
from lab.evaluate.ledger.subject import Subject
from lab.evaluate.ledger.translations import PAIRS, QUERIES, WIDE, Direction, Pools, chosen_pairs

CANDIDATES: Final = (16, 64, 256, 1_024, 4_096, 16_384, 131_072)
FITTED_QUERIES = 128


def contrast_rows(
    subject: Subject, candidates: Sequence[int] = CANDIDATES, pairs: int = PAIRS, seed: int = 0
) -> list[Row]:
    """InfoNCE on unseen translations for each number of candidates, as trained and with a fitted temperature.

    I >= log(candidates) - loss for any critic. Numbers of candidates above `WIDE` are measured in one direction.
    """
    chosen = chosen_pairs(subject.pairs, pairs, seed)
    counts = sorted(set(candidates))
    _check_candidates(counts)
    pools = Pools(subject, chosen, counts, seed)
    rows: list[Row] = []
    for count in counts:
        directions = pools.directions if count <= WIDE else pools.directions[:1]
        room = min(len(one.keys) - one.fitted for one in directions)
        if count <= room:
            subject.progress("reading xlco", counts.index(count), len(counts))
            rows += [
                contrast_row(subject, directions, count, scale, seed)
                for scale in (None, fitted_scale(subject, directions, count))
            ]
    subject.progress("reading xlco", len(counts), len(counts))
    if not rows:
        room = min(len(one.keys) - one.fitted for one in pools.directions)
        raise InputError(
            f"expected room for {counts[0]:,} candidates, got {room:,} unseen meanings: ask for --candidates {room}"
        )
    return rows


def _check_candidates(counts: Sequence[int]) -> None:
    if not counts or counts[0] < 2:
        raise InputError(f"expected numbers of candidates from 2, got {' '.join(map(str, counts)) or 'none'}")


def trained_temperature(subject: Subject) -> float:
    """What scores are divided by in training; 1 where the run was not trained on the contrast."""
    contrast = subject.model.settings.contrast
    return contrast.temperature if contrast.enabled else 1.0


def fitted_scale(subject: Subject, directions: Sequence[Direction], count: int) -> float:
    """The factor on the scores, 1 / temperature, with the tightest bound on the pairs kept for fitting.

    Those have fewer candidates than `count`, so each negative stands for several.
    """
    scores, weights = [], []
    for one in directions:
        rows = min(FITTED_QUERIES, one.fitted)
        scores.append(one.queries[:rows] @ one.keys[: one.fitted].T)
        weights.append(one.share)
    share = torch.tensor(weights) / sum(weights)
    stands_for = math.log((count - 1) / (directions[0].fitted - 1))

    def loss(log_scale: float) -> float:
        return float(
            sum(
                w * _fit_loss(s * math.exp(log_scale), stands_for) for w, s in zip(share, scores, strict=True)
            )
        )

    middle = -math.log(trained_temperature(subject))
    found: Any = minimize_scalar(
        loss, bounds=(middle - 4, middle + 4), method="bounded", options={"xatol": 0.01}
    )
    return math.exp(float(found.x))


def _fit_loss(scores: Tensor, stands_for: float) -> Tensor:
    positive = scores.diagonal()
    others = scores.clone().fill_diagonal_(-torch.inf)
    return (torch.logaddexp(positive, others.logsumexp(1) + stands_for) - positive).mean()


def contrast_row(
    subject: Subject, directions: Sequence[Direction], count: int, scale: float | None, seed: int = 0
) -> Row:
    """The InfoNCE bound with so many candidates, mean over the directions; `scale` None: as trained.

    The interval is a bootstrap over queries, the same in all directions, whose rows share their meanings.
    """
    contrast = subject.model.settings.contrast
    temperature = trained_temperature(subject) if scale is None else 1 / scale
    queries = min(QUERIES, *(len(one.queries) - one.fitted for one in directions))
    terms = np.stack([contrast_terms(one, count, temperature, queries) for one in directions])
    share = np.array([one.share for one in directions])
    share = share / share.sum()
    per_query = share @ terms
    value = float(per_query.mean())
    size = len(per_query)
    weights = np.random.default_rng([seed, 5]).multinomial(size, np.full(size, 1 / size), RESAMPLES) / size
    low, high = np.quantile(weights @ per_query, [0.025, 0.975])
    cosine = contrast.normalise or not contrast.enabled
    world = subject.world
    truth = None if world is None else float(
        sum(p * world.information_between(one.source, one.target) for p, one in zip(share, directions, strict=True))
    )  # fmt: skip
    alone = directions[0] if len(directions) == 1 else None
    layers = subject.model.encoder.config.num_hidden_layers
    return ledger_row(
        "xlco", value, float(low), float(high), math.log(count),
        truth=truth,
        truth_error=None if world is None else 0.0,
        method="infonce" if scale is None else "infonce, temperature fitted",
        layer=contrast.layer if contrast.enabled else subject.model.settings.evaluation_layer_of(layers),
        source=alone.source if alone else None,
        target=alone.target if alone else None,
        n=terms.size,
        candidates=count,
        temperature=temperature,
        effective_ceiling=reachable(count, temperature) if cosine else None,
        pairs=[f"{one.source}-{one.target}" for one in directions],
    )  # fmt: skip


@torch.no_grad()
def contrast_terms(one: Direction, count: int, temperature: float, queries: int = QUERIES) -> np.ndarray:
    """InfoNCE in nats of each query among so many candidates: its translation and those of others.

    Few candidates: each query meets those of its own group; many: all queries meet the same.
    """
    q, k = one.queries[one.fitted :] / temperature, one.keys[one.fitted :]
    queries = min(queries, len(q))
    groups = max(1, queries // count)
    rows = min(count, queries)
    terms: list[Tensor] = []
    for group in range(groups):
        asked, offered = q[group * rows : (group + 1) * rows], k[group * count : (group + 1) * count]
        blocks = Blocks(lambda start, stop, a=asked, b=offered: a[start:stop] @ b.T, len(asked), block=64)
        terms.append(infonce(blocks).terms)
    return torch.cat(terms).double().numpy()


def reachable(count: int, temperature: float) -> float:
    """The most that cosines over a temperature can show: log n - log(1 + (n - 1) exp(-2 / temperature)).

    >>> round(reachable(4096, 0.1), 3), round(reachable(4096, 1.0), 3)
    (8.318, 1.998)
    """
    return math.log(count) - math.log1p((count - 1) * math.exp(-2 / temperature))
