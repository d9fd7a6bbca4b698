"""Slow, obvious transcriptions of published formulas, to hold the fast code against.

Loops over Python floats on purpose: nothing is shared with what is tested.
"""

from math import erf, exp, log, sqrt

from scipy.special import digamma

Matrix = list[list[float]]


def infonce(scores: Matrix, include_positive: bool = True) -> float:
    """van den Oord et al. 2018: log of the share of the positive against the mean candidate."""
    total = 0.0
    for i, row in enumerate(scores):
        candidates = [f for j, f in enumerate(row) if include_positive or j != i]
        total += log(exp(row[i]) / (sum(exp(f) for f in candidates) / len(candidates)))
    return total / len(scores)


def infonce_general(scores: Matrix, positive: list[int], excluded: list[list[bool]]) -> float:
    """InfoNCE of n queries over m candidates of which some do not count."""
    total = 0.0
    for row, column, gone in zip(scores, positive, excluded, strict=True):
        candidates = [f for j, f in enumerate(row) if j == column or not gone[j]]
        total += log(exp(row[column]) / sum(exp(f) for f in candidates) * len(candidates))
    return total / len(scores)


def mlcpc(scores: Matrix, alpha: float) -> float:
    """Song and Ermon 2020: each positive against all positives and all negatives, reweighted by alpha."""
    n = len(scores)
    positives = sum(exp(scores[i][i]) for i in range(n))
    negatives = sum(exp(scores[i][j]) for i in range(n) for j in range(n) if i != j)
    denominator = alpha * positives + (n * n - n * alpha) / (n * n - n) * negatives
    return sum(log(n * n * exp(scores[i][i]) / denominator) for i in range(n)) / n


def mean_positive(scores: Matrix) -> float:
    return sum(scores[i][i] for i in range(len(scores))) / len(scores)


def mean_exp_negative(scores: Matrix) -> float:
    n = len(scores)
    return sum(exp(scores[i][j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))


def row_mean_exp(row: list[float], i: int) -> float:
    return sum(exp(f) for j, f in enumerate(row) if j != i) / (len(row) - 1)


def donsker_varadhan(scores: Matrix) -> float:
    return mean_positive(scores) - log(mean_exp_negative(scores))


def nwj(scores: Matrix) -> float:
    return 1 + mean_positive(scores) - mean_exp_negative(scores)


def tuba(scores: Matrix, baseline: list[float]) -> float:
    """Poole et al. 2019: baseline a(y) itself, not its log."""
    n = len(scores)
    joint = sum(log(exp(scores[i][i]) / baseline[i]) for i in range(n)) / n
    return 1 + joint - sum(row_mean_exp(scores[i], i) / baseline[i] for i in range(n)) / n


def interpolated(scores: Matrix, baseline: list[float], alpha: float) -> float:
    """Poole et al. 2019: alpha mixes a mean of n - 1 scores with the baseline, in both terms."""
    n, joint, product = len(scores), 0.0, 0.0
    for i, row in enumerate(scores):
        for gone in range(n):
            if gone != i:
                mixed = alpha * row_mean_exp(row, gone) + (1 - alpha) * baseline[i]
                joint += log(exp(row[i]) / mixed) / (n * (n - 1))
        strangers = row_mean_exp(row, i)
        product += strangers / (alpha * strangers + (1 - alpha) * baseline[i]) / n
    return 1 + joint - product


def jensen_shannon_objective(scores: Matrix) -> float:
    n = len(scores)
    joint = sum(-log(1 + exp(-scores[i][i])) for i in range(n)) / n
    product = [log(1 + exp(scores[i][j])) for i in range(n) for j in range(n) if i != j]
    return joint - sum(product) / len(product)


def smile(scores: Matrix, clip: float) -> float:
    """Song and Ermon 2020: exp f clipped between exp(-clip) and exp(clip), in the partition only."""
    n = len(scores)
    clipped = [
        min(max(exp(scores[i][j]), exp(-clip)), exp(clip)) for i in range(n) for j in range(n) if i != j
    ]
    return mean_positive(scores) - log(sum(clipped) / len(clipped))


def flo(scores: Matrix, normaliser: list[float]) -> float:
    """Guo et al. 2022: u(x, y) and the mean of exp(-u + g(x, y') - g(x, y)) over strangers y'."""
    n, total = len(scores), 0.0
    for i in range(n):
        strangers = [exp(-normaliser[i] + scores[i][j] - scores[i][i]) for j in range(n) if j != i]
        total += normaliser[i] + sum(strangers) / len(strangers)
    return 1 - total / n


def barber_agakov(log_likelihood: list[float], entropy: float) -> float:
    return entropy + sum(log_likelihood) / len(log_likelihood)


def club(scores: Matrix) -> float:
    """Cheng et al. 2020, strangers only: with the diagonal in the mean it is no upper bound."""
    n = len(scores)
    strangers = sum(scores[i][j] for i in range(n) for j in range(n) if i != j)
    return mean_positive(scores) - strangers / (n * (n - 1))


def leave_one_out(scores: Matrix) -> float:
    return sum(row[i] - log(row_mean_exp(row, i)) for i, row in enumerate(scores)) / len(scores)


def ksg(x: Matrix, y: Matrix, neighbours: int) -> float:
    """Kraskov et al. 2004, first estimator: strict counts within the distance of the k-th neighbour."""

    def distance(a: list[float], b: list[float]) -> float:
        return max(abs(p - q) for p, q in zip(a, b, strict=True))

    n, total = len(x), 0.0
    for i in range(n):
        others = [j for j in range(n) if j != i]
        away = sorted(max(distance(x[i], x[j]), distance(y[i], y[j])) for j in others)
        radius = away[neighbours - 1]
        near_x = sum(distance(x[i], x[j]) < radius for j in others)
        near_y = sum(distance(y[i], y[j]) < radius for j in others)
        total += digamma(neighbours) + digamma(n) - digamma(near_x + 1) - digamma(near_y + 1)
    return float(total / n)


Side = list[tuple[int, list[float]]]
"""A label and numbers per sample."""


def mixed_information(x: Side, y: Side, neighbours: int) -> float:
    """Neighbours among the samples that share both labels (Ross 2014, Gao et al. 2017), all distances compared."""

    def distance(a: list[float], b: list[float]) -> float:
        return max((abs(p - q) for p, q in zip(a, b, strict=True)), default=0.0)

    n, terms = len(x), []
    for (label_x, at_x), (label_y, at_y) in zip(x, y, strict=True):
        alike = [
            max(distance(at_x, p), distance(at_y, q))
            for (a, p), (b, q) in zip(x, y, strict=True)
            if (a, b) == (label_x, label_y)
        ]
        if len(alike) == 1:
            continue
        count = min(neighbours, len(alike) - 1)
        radius = sorted(alike)[count]
        if radius == 0:
            count = alike.count(0.0)

        def near(side: Side, label: int, at: list[float], radius: float = radius) -> int:
            within = [distance(at, point) for kind, point in side if kind == label]
            return sum(each < radius or each == 0 for each in within)

        terms.append(
            digamma(count) + digamma(n) - digamma(near(x, label_x, at_x)) - digamma(near(y, label_y, at_y))
        )
    return float(sum(terms) / len(terms))


def word_exchange(
    states: Matrix,
    links: dict[int, dict[int, float]],
    targets: dict[int, int],
    mass: float,
    head: dict[str, list],
) -> list[float]:
    """WEAM-style: -log p(x_i) from the mean of the linked states, weighted by posterior, where the mass exceeds `mass`.

    `head` is RoBERTa's: dense, gelu, layer norm (its epsilon last), decoder with the bias of each token.
    """
    losses = []
    for token, target in sorted(targets.items()):
        posteriors = links.get(token, {})
        total = sum(posteriors.values())
        if total <= mass:
            continue
        width = len(states[0])
        exchanged = [sum(a / total * states[j][d] for j, a in posteriors.items()) for d in range(width)]
        hidden = [
            sum(w * x for w, x in zip(row, exchanged, strict=True)) + b
            for row, b in zip(head["dense"], head["dense_bias"], strict=True)
        ]
        hidden = [0.5 * x * (1 + erf(x / sqrt(2))) for x in hidden]
        mean = sum(hidden) / width
        variance = sum((x - mean) ** 2 for x in hidden) / width
        hidden = [
            (x - mean) / sqrt(variance + head["epsilon"][0]) * g + b
            for x, g, b in zip(hidden, head["norm"], head["norm_bias"], strict=True)
        ]
        logits = [
            sum(w * x for w, x in zip(row, hidden, strict=True)) + b
            for row, b in zip(head["decoder"], head["decoder_bias"], strict=True)
        ]
        losses.append(log(sum(exp(logit) for logit in logits)) - logits[target])
    return losses


def transport(similarity: Matrix) -> Matrix:
    """XLM-Align: similarities that are not positive become 1e-6; then twice columns, then rows are made to sum to 1."""
    plan = [[value if value > 0 else 1e-6 for value in row] for row in similarity]
    for _ in range(2):
        totals = [sum(row[j] for row in plan) for j in range(len(plan[0]))]
        plan = [[value / total for value, total in zip(row, totals, strict=True)] for row in plan]
        plan = [[value / sum(row) for value in row] for row in plan]
    return plan


def mutual_best(similarity: Matrix) -> set[tuple[int, int]]:
    return {
        (i, j)
        for i, row in enumerate(similarity)
        for j, value in enumerate(row)
        if value == max(row) and value == max(line[j] for line in similarity)
    }


def itermax(similarity: Matrix) -> set[tuple[int, int]]:
    """SimAlign with two rounds: similarities of a linked token count 0.9, those of two linked tokens nothing."""
    links = mutual_best(similarity)
    weighted = [
        [
            value * (1.0, 0.9, 0.0)[any(a == i for a, _ in links) + any(b == j for _, b in links)]
            for j, value in enumerate(row)
        ]
        for i, row in enumerate(similarity)
    ]
    return links | {(i, j) for i, j in mutual_best(weighted) if weighted[i][j] > 0}


def pointer_loss(query: list[float], keys: Matrix, place: int) -> float:
    """-log of the share of the key at `place` in the softmax of query . key / sqrt(width)."""
    scores = [sum(q * k for q, k in zip(query, key, strict=True)) / sqrt(len(query)) for key in keys]
    return log(sum(exp(score) for score in scores)) - scores[place]
