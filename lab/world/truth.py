"""The truth of MMLM and TLM in a world: the value of the best possible model, in nats.

MMLM masks tokens of a sentence, TLM masks tokens of a sentence and its translation side by side. The cross-entropy of a
model cannot fall below the entropy of the masked token given the visible tokens. H(token) minus that entropy is the
mutual information that the task bounds from below:

    I(context; token) = H(token) - H(token | context)
    I(context, translation; token) = H(token) - H(token | context, translation)

Posteriors are exact (see `ideal`); their mean over sampled sentences and masks comes with its standard error. Masks
follow the ledger's rule: floor(rate * L + u) of the L tokens between `<s>` and `</s>`, u uniform in [0, 1), are shown
as `<mask>`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lab.world.distribution import entropy
from lab.world.ideal import IdealReader, LanguageDistribution

RATE = 0.15


@dataclass(frozen=True)
class ExactInformation:
    """The attainable value of a task in nats per masked token, with standard errors over the drawn masks."""

    cross_entropy_nats: float  # H(token | visible), the lowest cross-entropy that any model can have
    cross_entropy_error: float
    token_entropy_nats: float  # H(token)
    token_entropy_error: float  # 0 where it is exact
    tokens: int  # masked tokens averaged over

    @property
    def information_nats(self) -> float:
        """I(visible; token)."""
        return self.token_entropy_nats - self.cross_entropy_nats

    @property
    def information_error(self) -> float:
        return float(np.hypot(self.cross_entropy_error, self.token_entropy_error))


def truth(
    reader: IdealReader,
    shares: LanguageDistribution,
    sentences: int = 1000,
    rate: float = RATE,
    seed: int = 0,
) -> ExactInformation:
    """The truth of a task: MMLM for shares of languages, TLM for shares of ordered pairs."""
    rng = np.random.default_rng(seed)
    sums, counts = [], []
    for _, hidden in sample(reader, shares, sentences, rate, rng):
        posteriors = reader.posteriors(hidden, shares)
        entropies = [entropy(np.array(list(p.values()))) for side in posteriors for p in side]
        sums.append(sum(entropies))
        counts.append(len(entropies))
    mean, error = ratio(np.array(sums), np.array(counts))
    marginal = {tags[0]: share for tags, share in side_shares(shares).items()}
    token_entropy, token_error = reader.frequencies.entropy(marginal)
    return ExactInformation(mean, error, token_entropy, token_error, int(sum(counts)))


def pair_truths(
    reader: IdealReader, pairs: LanguageDistribution, sentences: int = 1000, rate: float = RATE, seed: int = 0
) -> tuple[ExactInformation, ExactInformation, ExactInformation]:
    """The truth of MMLM, TLM and their difference on the same masked tokens, which TLM masks in pairs.

    MMLM reads each side of a pair without the other. The difference I(translation; token given context) does not
    depend on H(token), so its `token_entropy_nats` is 0 and its `cross_entropy_nats` is minus the information.
    """
    rng, sides = np.random.default_rng(seed), side_shares(pairs)
    alone, both, counts = [], [], []
    for _, hidden in sample(reader, pairs, sentences, rate, rng):
        apart = [posterior for side in hidden for posterior in reader.posteriors([side], sides)[0]]
        joint = [posterior for side in reader.posteriors(hidden, pairs) for posterior in side]
        for sums, posteriors in ((alone, apart), (both, joint)):
            sums.append(sum(entropy(np.array(list(p.values()))) for p in posteriors))
        counts.append(len(joint))
    marginal = {tags[0]: share for tags, share in sides.items()}
    token_entropy = reader.frequencies.entropy(marginal)
    less = np.array(both) - np.array(alone)
    return (
        ExactInformation(*ratio(np.array(alone), np.array(counts)), *token_entropy, sum(counts)),
        ExactInformation(*ratio(np.array(both), np.array(counts)), *token_entropy, sum(counts)),
        ExactInformation(*ratio(less, np.array(counts)), 0.0, 0.0, sum(counts)),
    )


def side_shares(pairs: LanguageDistribution) -> dict[tuple[str, ...], float]:
    """The probability that a side of a pair is in each language.

    >>> side_shares({("en", "fr"): 0.75, ("en", "de"): 0.25})
    {('en',): 0.5, ('fr',): 0.375, ('de',): 0.125}
    """
    sides: dict[tuple[str, ...], float] = {}
    for pair, share in pairs.items():
        for tag in pair:
            sides[(tag,)] = sides.get((tag,), 0.0) + share / len(pair)
    return sides


def sample(
    reader: IdealReader, shares: LanguageDistribution, sentences: int, rate: float, rng: np.random.Generator
) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Yields sentences or pairs as a model reads them: the ids of each side, whole and masked."""
    world = reader.world
    meanings = world.draw(sentences, int(rng.integers(2**62)), without_replacement=False)
    others = world.draw(sentences, int(rng.integers(2**62)), without_replacement=False)
    wrong = rng.random(sentences) < world.settings["noise"]
    choices = rng.choice(len(shares), sentences, p=np.array(list(shares.values())))
    for meaning, wrong_meaning, mistaken, choice in zip(meanings, others, wrong, choices, strict=True):
        pair = [int(meaning), int(wrong_meaning if mistaken else meaning)]
        texts = [
            world.sentence(number, tag, rng) for number, tag in zip(pair, list(shares)[choice], strict=False)
        ]
        whole = reader.tokenizer.encode(texts)
        yield whole, mask(whole, reader.tokenizer.mask_id, rate, rng)


def mask(
    sides: Sequence[np.ndarray], mask_id: int, rate: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """The sides with floor(rate * L + u) of their L tokens hidden, u uniform in [0, 1); never `<s>` or `</s>`."""
    spots = [(side, position) for side, ids in enumerate(sides) for position in range(1, len(ids) - 1)]
    masked = [ids.copy() for ids in sides]
    for spot in rng.permutation(len(spots))[: int(rate * len(spots) + rng.random())]:
        side, position = spots[spot]
        masked[side][position] = mask_id
    return masked


def ratio(sums: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """The ratio sum(sums) / sum(counts), and its standard error over sentences (delta method)."""
    mean = sums.sum() / counts.sum()
    residual = sums - mean * counts
    return float(mean), float(np.sqrt((residual**2).sum()) / counts.sum())
