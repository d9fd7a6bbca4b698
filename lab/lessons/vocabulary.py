"""Lesson 11: who pays for a shared vocabulary, how one is shared by price, and what a model makes of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from core.text.corpus import Corpus, open_corpus
from core.text.vocabulary.alp import average_log_probability
from core.text.vocabulary.build import SharedVocabulary, build_vocabulary
from core.text.vocabulary.published import PublishedTokenizer
from core.vocabulary_settings import TokenizerSettings
from lab.evaluate.vocabulary import WORST, Question, vocabulary_rows
from lab.figures.languages import language_style
from lab.figures.vocabulary import sizes_at, stop_within
from lab.lessons.exercises import Choice, Numbers
from lab.lessons.output import progress_line
from lab.lessons.scale import Lesson
from lab.lessons.small_studies import SHORT
from lab.recipes import changed
from lab.store.study import StudyFolder
from lab.study.contrasts import compare_contrasts, default_contrasts, in_words
from lab.study.corpora import unequal_world
from lab.text import all_sentences, world_corpus

SIZES: Final = {"smoke": 350}
SIZE: Final = 600
"""Tokens of the vocabularies at scales other than smoke: few enough that languages compete."""
STEP: Final = 20
"""Pieces between two sizes that are tried for a language."""
FRESH_MEANINGS: Final = 400
BETAS: Final = (0.0, 0.7, 1.0)
BUDGET: Final = 512
SMALL: Final[dict[str, Any]] = {
    "steps": 400,
    "model": {"hidden": 32, "feedforward": 64},
    "mmlm": {"examples": 16},
    "tlm": {"examples": 16},
    "contrast": {"examples": 32},
}
"""Changes to the base of the study at toy, with which a run takes a minute of one core."""


def unequal_text(lesson: Lesson) -> Corpus:
    """Text of a few languages, of which the rarest tells an eighth of the meanings of English."""
    return open_corpus(unequal_world(_settings(lesson).world, _settings(lesson).seed))


def fresh_text(lesson: Lesson) -> pd.DataFrame:
    """Other sentences, with the same meanings in all languages: columns meaning, language, text."""
    settings = changed(_settings(lesson), {"world": {"meanings": FRESH_MEANINGS}})
    return all_sentences(world_corpus(settings.world, settings.seed + 1))


def _settings(lesson: Lesson) -> Any:
    """The settings of the lesson; at toy with the languages of its study."""
    return changed(lesson.settings, {"world": SHORT["world"]}) if lesson.scale == "toy" else lesson.settings


def vocabularies(lesson: Lesson, corpus: Corpus) -> dict[str, SharedVocabulary]:
    """A joint vocabulary, one of equal shares, and VoCap's for each of `BETAS`, of one size, by name."""
    size = SIZES.get(lesson.scale, SIZE)
    wanted = {"joint": ("joint", 0.7), "equal": ("equal", 0.7)}
    wanted |= {f"VoCap, beta {beta:g}": ("vocap", beta) for beta in BETAS}
    built = dict[str, SharedVocabulary]()
    with progress_line("training vocabularies") as tell:
        for name, (allocation, beta) in wanted.items():
            settings = TokenizerSettings.model_validate(
                {
                    "vocabulary": size,
                    "algorithm": "unigram",
                    "allocation": allocation,
                    "beta": beta,
                    "step": STEP,
                }
            )
            built[name] = build_vocabulary(corpus, settings, processes=1)
            tell("vocabularies", len(built), len(wanted))
    return built


def allocated_pieces(built: Mapping[str, SharedVocabulary]) -> pd.DataFrame:
    """Pieces of each language by vocabulary, different pieces in all, and the places that shared pieces save."""
    columns = {
        name: {**each.allocated.sizes, "different": each.allocated.union, "saved": each.allocated.shared}
        for name, each in built.items()
        if each.allocated is not None
    }
    return pd.DataFrame(columns)


def costs(built: Mapping[str, SharedVocabulary], sentences: pd.DataFrame) -> dict[str, Any]:
    """What each vocabulary costs each language on some sentences: the document of `lab vocabulary`."""
    tokenizers = [PublishedTokenizer(name, each.tokenizer) for name, each in built.items()]
    return vocabulary_rows(tokenizers, sentences, Question(budget=BUDGET))


def rows_of(document: Mapping[str, Any], vocabulary: str) -> list[dict[str, Any]]:
    """The rows of one vocabulary."""
    return [row for row in document["rows"] if row["tokenizer"] == vocabulary]


def costs_in_words(document: Mapping[str, Any]) -> list[str]:
    """For each vocabulary the language that pays most beside the reference, and the difference from the first one."""
    sentences = list[str]()
    for name in dict.fromkeys(row["tokenizer"] for row in document["rows"]):
        parities = {row["language"]: row for row in rows_of(document, name) if row["metric"] == "parity"}
        worst = parities.pop(WORST)
        del parities[document["reference"]]
        tag = max(parities, key=lambda tag: parities[tag]["value"])
        words = (
            f"**{name}**: {language_style(tag).name} pays most, {_interval(worst)} tokens per English token"
        )
        change = [
            row for row in document["differences"] if (row["tokenizer"], row["language"]) == (name, WORST)
        ]
        words += "".join(f"; less {row['against']}: {_interval(row, 'difference', '+')}" for row in change)
        sentences.append(f"{words}.")
    return sentences


def _interval(row: Mapping[str, Any], key: str = "value", sign: str = "") -> str:
    low, high = row["low"], row["high"]
    ends = "" if low is None else f" [{low:{sign}.2f}, {high:{sign}.2f}]"
    return f"{row[key]:{sign}.2f}{ends}"


def allocation_in_words(built: Mapping[str, SharedVocabulary]) -> list[str]:
    """Which language beta moves most pieces from and to, and the price of the last piece under each beta."""
    pieces = allocated_pieces(built).drop(index=["different", "saved"])
    low, high = (pieces[f"VoCap, beta {beta:g}"] for beta in (BETAS[0], BETAS[-1]))
    moved = (high - low).sort_values()
    prices = {
        name: each.allocated.price
        for name, each in built.items()
        if each.allocated is not None and name.startswith("VoCap")
    }
    shown = ", ".join(f"{price:.2g} nats under {name}" for name, price in prices.items() if price is not None)
    return [
        f"From beta {BETAS[0]:g} to {BETAS[-1]:g} {language_style(str(moved.index[-1])).name} gains "
        f"{int(moved.iloc[-1]):+,} pieces and {language_style(str(moved.index[0])).name} {int(moved.iloc[0]):+,}. The "
        f"last piece brought, weighted: {shown or 'nothing was bought beyond the smallest sizes'}."
    ]


def trained_in_words(study: StudyFolder) -> list[str]:
    """The difference of each arm from the first in nats per sentence, in those of the costliest language, and in
    retrieval; each metric is a family for Holm's correction."""
    info, sentences = study.info, list[str]()
    names, labels = [arm.name for arm in info.arms], {arm.name: arm.label for arm in info.arms}
    for metric in ("mmlm_meaning", "mmlm_worst", "retrieval"):
        table = compare_contrasts(study.units(), default_contrasts(metric, names, info.reference), labels)
        sentences += [f"{in_words(row)}." for row in table.to_dict("records")]
    return sentences


def pencil_alp(lines: Sequence[Sequence[str]]) -> Numbers:
    """Exercise: what is the ALP of these lines, which are cut into pieces already, in nats per line?"""
    pieces = [piece for line in lines for piece in line]
    counts = np.unique(pieces, return_counts=True)[1]
    expected = average_log_probability(counts, len(lines))
    of_tokens = average_log_probability(counts, len(pieces))
    values = {"tokens": of_tokens, "bits": expected / np.log(2), "total": expected * len(lines), "lines": len(lines),
              "pieces": len(pieces)}  # fmt: skip
    return Numbers("vocabulary.alp", expected, values)


def next_buyer(built: SharedVocabulary) -> Choice:
    """Exercise: which language has bought the first piece, from the curves and weights of this vocabulary?"""
    gains = {
        curve.language: built.weights[curve.language] * (curve.gains or [0.0])[0] for curve in built.curves
    }
    raw = {curve.language: (curve.gains or [0.0])[0] for curve in built.curves}
    best = max(gains, key=gains.__getitem__)
    options = {
        tag: {"language": language_style(tag).name, "gain": gain, "raw": raw[tag], "best": gains[best]}
        for tag, gain in gains.items()
    }
    return Choice("vocabulary.buyer", options, {tag for tag, gain in gains.items() if gain == gains[best]})


def first_gains(built: SharedVocabulary) -> pd.DataFrame:
    """The first step of each language's curve: nats per line that a piece brings, the language's weight."""
    rows = {
        curve.language: {"nats a piece": (curve.gains or [0.0])[0], "weight": built.weights[curve.language]}
        for curve in built.curves
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def meanings_that_fit(document: Mapping[str, Any], vocabulary: str, language: str) -> Numbers:
    """Exercise: how many meanings of a language fit into an input, from its parity and English meanings that fit?"""
    value = {(row["language"], row["metric"]): row["value"] for row in rows_of(document, vocabulary)}
    english, parity = value[document["reference"], "meanings_in_budget"], value[language, "parity"]
    values = {"english": english, "parity": parity, "inverse": english * parity, "budget": document["budget"],
              "language": language_style(language).name}  # fmt: skip
    return Numbers("vocabulary.budget", english / parity, values)


def at_price(built: SharedVocabulary) -> tuple[dict[str, Any], dict[str, int], int]:
    """The document of an allocation, pieces of each language and all different ones, for figures."""
    document = built.document()
    place = stop_within(document, document["path"], range(len(document["path"]) + 1), document["pieces"])
    return document, *sizes_at(document, document["path"], place)
