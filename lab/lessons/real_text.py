"""Lesson 07: the same on real text, where nobody knows the truth."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from core.text.corpus import Corpus, open_corpus
from lab.evaluate.run import evaluate_run
from lab.figures.ledger import tightest
from lab.lessons.output import say
from lab.lessons.scale import ROOT, Lesson
from lab.lessons.verdicts import Verdict, judged, not_yet, right, wrong
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


def check_ceiling(answer: Any, rows: list[dict[str, Any]]) -> Verdict:
    """The ceiling of the XLCO bound with the most candidates that were measured, in nats."""
    most = max(row["candidates"] for row in rows if row["task"] == "xlco")
    return judged(
        answer, math.log(most), 0.01,
        f"log({most:,}) = {math.log(most):.3f} nats, however much the text tells: to show more takes more of them",
        "the natural logarithm of the most candidates in the ledger",
        {"these are bits": math.log2(most), "that is the number of candidates": most},
    )  # fmt: skip


def check_known(answer: Any, rows: list[dict[str, Any]]) -> Verdict:
    """Where I(sentence; translation) of this text may lie beside the *measured* XLCO bound: anywhere.

    The answer is a set out of "above", "at", "below". The bound holds in expectation; the measured value varies.
    """
    if answer is None or answer is ...:
        return not_yet('give a set out of "above", "at" and "below", such as {"at", "below"}')
    try:
        given = {str(each).strip().lower() for each in answer}
    except TypeError:
        return wrong(f'expected a set such as {{"at", "below"}}, got {answer!r}')
    if isinstance(answer, str) or not given <= {"above", "at", "below"}:
        return wrong(f'expected a set out of "above", "at" and "below", got {str(answer)[:40]!r}')
    bound = tightest(rows)["xlco"]
    if given == {"above", "at", "below"}:
        return right(
            f"measured {bound['nats']:.2f} [{bound['low']:.2f}, {bound['high']:.2f}], at least {bound['at_least']:.2f} "
            "nats with 95 % confidence: the bound holds in expectation, and only what lies below that limit is excluded"
        )
    if given == {"above", "at"}:
        return wrong(
            "that is true of the expectation of the bound; B is the mean over the sentences of one sample, which may "
            "lie above the information by chance"
        )
    return wrong(
        f"{' and '.join(sorted(given)) or 'nothing'} is not all: when does a lower bound meet the information, when "
        "not, and what does the sample do to it?"
    )


def check_repeats(answer: Any, table: pd.DataFrame, language: str) -> Verdict:
    """The share of a language's sentences that also occur with another meaning, in percent."""
    row = table.set_index("language").loc[language]
    return judged(
        answer, 100 * row["repeated"], 0.05,
        f"{row['sentences']:,.0f} sentences, {row['distinct']:,.0f} of them distinct: "
        + ("no two are alike" if row["repeated"] == 0 else "those that are alike count as one"),
        f"read the column 'repeated' of {language}, a share, in percent",
        {"that is a share: percent are hundredths": row["repeated"]},
    )  # fmt: skip
