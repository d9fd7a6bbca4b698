"""What a vocabulary costs each language: tokens, nats and kinds of pieces, with intervals over meanings.

Every number is a ratio of sums over meanings, and the meanings are resampled; those that share a text go together.
Probabilities of pieces are held at their estimates meanwhile: to first order nothing else changes ALP and Renyi
entropy, and resampled text would lack rare pieces, which moves both.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from core.errors import InputError
from core.progress import Progress, no_progress
from core.text.vocabulary.published import PublishedTokenizer
from lab.evaluate.intervals import share_interval
from lab.evaluate.piece_counts import LanguageCounts, count_pieces, meaning_groups, own_pieces
from lab.evaluate.resampling import Interval, Resamples, percentile_interval
from lab.evaluate.row import Row

NOTHING: Final = np.zeros(0)
WORST: Final = "worst"
"""Tag of the language with the highest parity, in the place of a language."""


@dataclass(frozen=True)
class TokenizerMetric:
    """A number of a vocabulary.

    Attributes:
        unit: in words.
        across: whether it compares languages; all compare tokenizers on the same text.
        reason: why, for people.
    """

    unit: str
    across: bool
    reason: str


METRICS: Final = {
    "parity": TokenizerMetric("tokens per token of the reference", True, "the same meanings on both sides"),
    "nats_parity": TokenizerMetric("nats per nat of the reference", True, "the same meanings on both sides"),
    "alp_meaning": TokenizerMetric("nats per meaning", True, "where all languages tell the same meanings"),
    "meanings_in_budget": TokenizerMetric("meanings", True, "where all languages tell the same meanings"),
    "lost": TokenizerMetric("share of sentences", True, "sentences that do not come back when their tokens are read"),
    "unknown": TokenizerMetric("share of tokens", True, "characters without a piece"),
    "byte": TokenizerMetric("share of tokens", True, "bytes of characters without a piece"),
    "own": TokenizerMetric("share of tokens", True, "tokens whose piece no other language of this text uses"),
    "alp_line": TokenizerMetric("nats per line", False, "longer lines have a lower ALP"),
    "alp_character": TokenizerMetric("nats per character", False, "a Chinese character says more than a Latin letter"),
    "fertility": TokenizerMetric(
        "tokens per word", False, "words are not equally long, and some scripts do not part them"
    ),
    "tokens_per_character": TokenizerMetric("tokens per character", False, "characters do not say equally much"),
    "character": TokenizerMetric("share of tokens", False, "a character is a word in some languages"),
    "renyi": TokenizerMetric("share of ln(vocabulary)", False, "it grows with the amount of text"),
    "own_pieces": TokenizerMetric("pieces", False, "it grows with the amount of text"),
}  # fmt: skip
"""Metrics by key; first those that compare languages."""
SHARES: Final = ("lost", "unknown", "byte", "own", "character")
"""Metrics with intervals that hold at 0 and 1, where a bootstrap collapses to a point."""


@dataclass(frozen=True)
class Question:
    """What is measured.

    Attributes:
        reference: the language whose tokens and nats parities divide by; None for English, or the largest.
        budget: tokens of one input, for the number of meanings that fit into it.
    """

    reference: str | None = None
    budget: int = 512
    seed: int = 0

    def reference_of(self, languages: Sequence[str], counts: pd.Series) -> str:
        """The reference language among those of the text.

        Raises:
            InputError: it is none of them.
        """
        if self.reference is None:
            english = [tag for tag in languages if tag.split("-")[0] == "en"]
            return english[0] if english else str(counts.idxmax())
        if self.reference not in languages:
            raise InputError(f"expected --reference to be one of {' '.join(languages)}, got {self.reference}")
        return self.reference


def vocabulary_rows(
    tokenizers: Sequence[PublishedTokenizer],
    sentences: pd.DataFrame,
    question: Question = Question(),
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """The document of `lab vocabulary`: rows of tokenizers, languages and metrics, and differences from the first.

    Args:
        tokenizers: one or several, to stand side by side.
        sentences: columns meaning, language, text; one text per meaning and language.
        question: what is measured.
        progress: reports languages done and in all.

    Raises:
        InputError: there is no text, a language has none but spaces, or the reference is no language of it.
    """
    if question.budget < 1:
        raise InputError(f"expected --budget from 1, got {question.budget}")
    per_language = sentences.groupby("language").size()
    languages = sorted(map(str, per_language.index))
    reference = question.reference_of(languages, per_language)
    groups = meaning_groups(sentences)
    resamples = Resamples(int(groups.max(initial=0)) + 1, question.seed)
    rows, parities, lost = list[Row](), list[Parities](), list[Row]()
    for number, tokenizer in enumerate(tokenizers):
        counted = dict[str, LanguageCounts]()
        for place, language in enumerate(languages):
            part = (sentences["language"] == language).to_numpy()
            counted[language] = count_pieces(tokenizer, sentences[part], groups[part])
            progress("measuring", number * len(languages) + place + 1, len(tokenizers) * len(languages))
        measured, drawn = _measured(tokenizer, counted, reference, question, resamples)
        rows += [{"tokenizer": tokenizer.name, **row} for row in measured]
        parities.append(drawn)
        lost += [
            {
                "tokenizer": tokenizer.name,
                "language": tag,
                "text": each.example[0],
                "comes_back": each.example[1],
            }
            for tag, each in counted.items()
            if each.example
        ]
    names = [tokenizer.name for tokenizer in tokenizers]
    return {
        "reference": reference,
        "budget": question.budget,
        "meanings": int(sentences["meaning"].nunique()),
        "languages": {tag: int(per_language[tag]) for tag in languages},
        "rows": rows,
        "differences": [
            {"tokenizer": name, "against": names[0], **row}
            for name, drawn in zip(names[1:], parities[1:], strict=True)
            for row in _differences(drawn, parities[0])
        ],
        "lost": lost,
    }


@dataclass(frozen=True)
class Parities:
    """The parity of each language but the reference: its value and what each resample gives."""

    values: dict[str, float]
    draws: dict[str, np.ndarray]

    def worst(self) -> tuple[float, np.ndarray]:
        """The highest parity of a language, in the text and in each resample; it may be another language there."""
        draws = np.stack(list(self.draws.values()))
        highest = np.where(np.isnan(draws), -np.inf, draws).max(axis=0)
        return max(self.values.values()), np.where(np.isfinite(highest), highest, np.nan)


def _measured(
    tokenizer: PublishedTokenizer,
    counted: dict[str, LanguageCounts],
    reference: str,
    question: Question,
    resamples: Resamples,
) -> tuple[list[Row], Parities]:
    """Rows of one tokenizer, and the parities of its languages."""
    owned, parities = own_pieces(counted), Parities({}, {})
    parallel = all(each.tells_same_meanings(counted[reference]) for each in counted.values())
    rows = list[Row]()
    for tag, counts in counted.items():
        ratios = counts.ratios(owned[tag], counted[reference], question.budget)
        for key, metric in METRICS.items():
            across = metric.across and (parallel or "meaning" not in key)
            base = {"language": tag, "metric": key, "unit": metric.unit, "across_languages": across}
            if key == "own_pieces":
                number = int(owned[tag].sum())
                rows.append(base | {"value": number, "low": None, "high": None, "n": len(counts.tokens)})
                continue
            by_group = [
                _by_group(part, counts.groups, resamples) for part in ratios.get(key, (NOTHING, NOTHING))
            ]
            if not by_group[1].any():
                continue
            interval, draws = _interval(key, *by_group, resamples)
            rows.append(base | asdict(interval) | {"n": int((by_group[1] != 0).sum())})
            if key == "parity" and tag != reference:
                parities.values[tag], parities.draws[tag] = interval.value, draws
    if parities.values:
        worst = percentile_interval(*parities.worst())
        base = {
            "language": WORST,
            "metric": "parity",
            "unit": METRICS["parity"].unit,
            "across_languages": True,
        }
        rows.append(base | asdict(worst) | {"n": len(parities.values)})
    return rows, parities


def _by_group(of_sentence: np.ndarray, groups: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Numbers of sentences summed by the units that are resampled."""
    return np.bincount(groups[: len(of_sentence)], of_sentence, minlength=resamples.units)


def _interval(
    key: str, totals: np.ndarray, weights: np.ndarray, resamples: Resamples
) -> tuple[Interval, np.ndarray]:
    value, draws = float(totals.sum() / weights.sum()), resamples.ratios(totals, weights)
    if key in SHARES:
        low, high = share_interval(totals, weights)
        return Interval(value, float(low), float(high)), draws
    if (weights != 0).sum() < 2:
        return Interval(value, None, None), draws
    return percentile_interval(value, draws), draws


def _differences(parities: Parities, against: Parities) -> list[Row]:
    """Differences of parity by language and of the worst one, on the same resamples; below 0 the first is fairer."""
    pairs = {tag: (parities.values[tag], parities.draws[tag]) for tag in parities.values}
    references = {tag: (against.values[tag], against.draws[tag]) for tag in against.values}
    if parities.values and against.values:
        pairs[WORST], references[WORST] = parities.worst(), against.worst()
    rows = list[Row]()
    for tag in pairs.keys() & references.keys():
        (value, draws), (reference_value, other_draws) = pairs[tag], references[tag]
        interval = percentile_interval(value - reference_value, draws - other_draws)
        rows.append({"language": tag, "metric": "parity", "difference": interval.value,
                     "low": interval.low, "high": interval.high})  # fmt: skip
    return sorted(rows, key=lambda row: (row["language"] == WORST, row["language"]))
