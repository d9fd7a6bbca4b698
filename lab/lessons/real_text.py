"""Lesson 07: the same on real text, where nobody knows the truth."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from core.text.corpus import Corpus, open_corpus
from lab.evaluate.run import evaluate_run
from lab.figures.ledger import tightest
from lab.lessons.exercises import Numbers, Subset
from lab.lessons.output import say
from lab.lessons.scale import ROOT, Lesson
from lab.store import Run
from lab.text import all_sentences, world_corpus


def text_of(lesson: Lesson, folder: str) -> tuple[Corpus, Path | None]:
    """The corpus of a folder, or the built-in world where none is named; says which.

    Raises:
        InputError: the folder is no corpus.
    """
    if folder:
        path = named_folder(folder)
        corpus = open_corpus(path)
        say(
            f"Text: **{corpus.info.source}**, {corpus.info.sentences:,} sentences. Its information is not known."
        )
        return corpus, path
    say(
        "No corpus folder was given: the **built-in world** stands in for real text, and its truth is shown beside "
        "the bounds. For your own text: `lab corpus import train.en train.de --out corpora/mine`, then "
        '`CORPUS = "corpora/mine"`.'
    )
    return world_corpus(lesson.settings.world, lesson.settings.seed), None


def named_folder(folder: str) -> Path:
    """A folder as it was named, from where the notebook runs or from the top of the project."""
    path = Path(folder)
    return path if path.is_dir() else ROOT / path


def described(corpus: Corpus) -> pd.DataFrame:
    """Sentences, distinct sentences, the share that occurs with several meanings, and words per sentence, by language.

    A word is what stands between spaces; where a script has none, the column says little.
    """
    table = all_sentences(corpus)
    rows = []
    for tag, part in table.groupby("language"):
        counts = part["text"].value_counts()
        rows.append(
            {"language": tag, "sentences": len(part), "distinct": len(counts),
             "repeated": float((part["text"].map(counts) > 1).mean()),
             "words": float(part["text"].str.split().str.len().mean())}
        )  # fmt: skip
    return pd.DataFrame(rows)


def retrieval_in_words(joint: Run, apart: Run) -> list[str]:
    """Retrieval of a run with contrast and of one without, measured now, beside guessing."""
    beside, without = evaluate_run(joint), evaluate_run(apart)
    if beside["mean_accuracy"] is None or without["mean_accuracy"] is None:
        return [f"Retrieval was not measured: {beside['unmeasured'] or without['unmeasured']}."]
    joint_pools = beside["pools"]
    measured = [
        f"{each['mean_accuracy']:.1%} [{each['interval'][0]:.1%}, {each['interval'][1]:.1%}]"
        for each in (beside, without)
    ]
    return [
        f"With contrast {measured[0]}, without {measured[1]}; guessing finds {beside['chance']:.1%} "
        f"in pools of {' to '.join(f'{size:,}' for size in sorted(set(joint_pools)))}. "
        f"Mean over {len(beside['retrieval'])} directed pairs, layer {beside['layer']} and "
        f"{without['layer']}, one seed."
    ]


def highest_ceiling(rows: list[dict[str, Any]]) -> Numbers:
    """Exercise: what is the ceiling of XLCO with the most candidates that were measured, in nats?"""
    most = max(row["candidates"] for row in rows if row["task"] == "xlco")
    return Numbers("real_text.ceiling", math.log(most), {"bits": math.log2(most), "most": most})


def possible_information(rows: list[dict[str, Any]]) -> Subset:
    """Exercise: where may I(sentence; translation) of this text lie beside the *measured* XLCO bound? Anywhere.

    The bound holds in expectation; the measured value varies.
    """
    anywhere = dict.fromkeys(("above", "at", "below"))
    return Subset("real_text.possible", set(anywhere), anywhere, tightest(rows)["xlco"])


def repeated_share(table: pd.DataFrame, language: str) -> Numbers:
    """Exercise: what share of a language's sentences also occurs with another meaning, in percent?"""
    row = table.set_index("language").loc[language]
    return Numbers("real_text.repeated", 100 * row["repeated"], {**row, "language": language})
