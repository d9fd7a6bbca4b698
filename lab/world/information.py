"""I(sentence; translation) of a world in nats, exact under noise and ambiguity."""

import numpy as np

from lab.world.distribution import Distribution, entropy
from lab.world.facts import Facts


def between(
    distribution: Distribution,
    facts: Facts,
    source: dict[str, np.ndarray],
    target: dict[str, np.ndarray],
    noise: float,
    num_facts: int,
) -> float:
    """I(X; Y) in nats, where X and Y are the facts told by a source and a target sentence.

    Without noise X and Y are functions of the same meaning, and P(x, y) factorises over the slots. With noise the pair
    is right with probability 1 - noise and otherwise consists of two independent draws: Q(x, y) = (1 - noise) P(x, y)
    + noise P(x) P(y), with the same marginals as P.

    Args:
        distribution: of the facts.
        facts: of the world.
        source: maps the fillers of each kind of slot to fillers with the same words in the source language.
        target: likewise for the target language.
        noise: probability of a mistranslation.
        num_facts: facts per sentence, 1 or 2.
    """
    if noise == 1.0:
        return 0.0
    tables = [_tables(distribution, facts, row, source, target) for row in range(len(facts.relations))]
    if noise == 0.0:
        shares = [sum(_information(*table) for table in slots) for slots in tables]
        return num_facts * (entropy(distribution.relation) + float(distribution.relation @ np.array(shares)))
    joint, ratio = zip(
        *(_support(p, slots) for p, slots in zip(distribution.relation, tables, strict=True)), strict=True
    )
    return _noisy(np.concatenate(joint), np.concatenate(ratio), noise, num_facts)


def _tables(
    distribution: Distribution,
    facts: Facts,
    row: int,
    source: dict[str, np.ndarray],
    target: dict[str, np.ndarray],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """P(x, y) and P(x) P(y) / P(x, y) over the support of each slot."""
    tables = []
    for kind, p in zip(facts.slots[row], distribution.slots[row], strict=True):
        table = np.zeros((len(p), len(p)))
        np.add.at(table, (source[kind], target[kind]), p)
        x, y = np.nonzero(table)
        tables.append((table[x, y], table.sum(1)[x] * table.sum(0)[y] / table[x, y]))
    return tables


def _information(joint: np.ndarray, ratio: np.ndarray) -> float:
    return float(-(joint * np.log(ratio)).sum())


def _support(p: float, slots: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """P(x, y) and P(x) P(y) / P(x, y) over the support of a relation with probability p."""
    joint = ratio = np.array([p])
    for slot_joint, slot_ratio in slots:
        joint = (joint[:, None] * slot_joint).ravel()
        ratio = (ratio[:, None] * slot_ratio).ravel()
    return joint, ratio


def _noisy(joint: np.ndarray, ratio: np.ndarray, noise: float, num_facts: int) -> float:
    """sum of Q log(Q / (P(x) P(y))) in nats over all pairs; outside the support of P, Q / (P(x) P(y)) = noise."""
    if num_facts == 1:
        return _sum(joint, ratio, noise)
    return _sum_of_pairs(joint, ratio, noise)


def _sum(joint: np.ndarray, ratio: np.ndarray, noise: float) -> float:
    product = joint * ratio
    inside = (((1 - noise) * joint + noise * product) * np.log((1 - noise) / ratio + noise)).sum()
    return float(inside + noise * np.log(noise) * (1 - product.sum()))


def _sum_of_pairs(joint: np.ndarray, ratio: np.ndarray, noise: float) -> float:
    """The same sum for two facts per sentence, where P(x, y) and the ratio r are products over the two facts.

    There are too many pairs of facts to list. But log((1 - noise) / r + noise) = log(1 - noise) - log r + log(1 + c r)
    with c = noise / (1 - noise). Where c r is small the last term is a quickly falling power series in c r, and each
    power factorises over the two facts. The few pairs with larger c r are summed one by one.
    """
    odds = noise / (1 - noise)
    order = np.argsort(-ratio)
    joint, ratio = joint[order], ratio[order]
    return _factorised(joint, ratio, noise) + _logarithms(joint, ratio, noise, odds)


def _factorised(joint: np.ndarray, ratio: np.ndarray, noise: float) -> float:
    """The sum without the terms in log(1 + odds r); sums over pairs of facts are products of sums."""
    product, log_ratio = joint * ratio, np.log(ratio)
    overlap = product.sum() ** 2
    inside = (1 - noise) * (np.log1p(-noise) - 2 * (joint * log_ratio).sum())
    inside += noise * (np.log1p(-noise) * overlap - 2 * product.sum() * (product * log_ratio).sum())
    return float(inside + noise * np.log(noise) * (1 - overlap))


SERIES_LIMIT = 0.5
SERIES_TERMS = 50


def _logarithms(joint: np.ndarray, ratio: np.ndarray, noise: float, odds: float) -> float:
    """sum over pairs of ((1 - noise) P + noise P r) log(1 + odds r), ratios sorted from large to small."""
    # for fact i, the second facts j >= begins[i] keep odds * r_i * r_j within the series' limit
    begins = np.searchsorted(-ratio, -SERIES_LIMIT / (odds * ratio), side="left")
    total = 0.0
    for i in np.flatnonzero(begins):
        r, p = ratio[i] * ratio[: begins[i]], joint[i] * joint[: begins[i]]
        total += float((((1 - noise) + noise * r) * p * np.log1p(odds * r)).sum())
    power, tail = joint.copy(), np.empty(len(joint) + 1)
    moments = []
    for _ in range(SERIES_TERMS + 2):
        tail[-1], tail[:-1] = 0.0, np.cumsum(power[::-1])[::-1]
        moments.append(float(power @ tail[begins]))
        power = power * ratio
    for k in range(1, SERIES_TERMS + 1):
        total -= ((1 - noise) * moments[k] + noise * moments[k + 1]) * (-odds) ** k / k
    return total
