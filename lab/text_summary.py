"""Counts what a run reads of its text and holds out, by language and pair; stored in the run, with warnings."""

from typing import Final

import numpy as np
from pydantic import ValidationError

from core.config import Frozen
from core.errors import InputError
from core.text.corpus import Corpus
from core.text.encoded import EncodedCorpus
from core.text.hold_out import FIFTH
from core.text.split import FEWEST, Split, Streams, digest_of
from lab.store import Run

DOCUMENT: Final = "text"
FEW_SENTENCES: Final = 100
"""A language or pair with fewer sentences to train on gets a warning."""
NAMED: Final = 5
"""Number of languages and pairs that a warning names."""


class Amount(Frozen):
    """Sentences of a language, or translations of a pair, that are trained on and held out."""

    train: int
    held_out: int


class LanguageAmount(Amount):
    """Sentences of a language; `cut` is the share of sentences with more than `max_tokens` tokens."""

    cut: float


class PairAmount(Amount):
    """Translations between two languages."""

    source: str
    target: str


class TextSummary(Frozen):
    """Numbers of sentences that a run reads and holds out.

    Attributes:
        text: sentences by language.
        pairs: translations by pair of languages.
        cut: share of all sentences that have more than `max_tokens` tokens and lose their ends.
        max_tokens: of an input.
        merged: meanings that share a text with a smaller meaning, and are trained on or held out together with it.
        digest: SHA-256 of the held-out meanings.
    """

    text: dict[str, LanguageAmount]
    pairs: list[PairAmount]
    cut: float
    max_tokens: int
    merged: int
    digest: str

    @property
    def warnings(self) -> list[str]:
        """Warnings to read before training, a line each."""
        return [line for line in (self._little(), self._cut()) if line]

    def _little(self) -> str:
        languages = {tag: amount for tag, amount in self.text.items() if _is_little(amount)}
        pairs = {f"{pair.source}-{pair.target}": pair for pair in self.pairs if _is_little(pair)}
        if not languages and not pairs:
            return ""
        worst = sorted(
            (amount.train, amount.held_out, name) for name, amount in {**languages, **pairs}.items()
        )
        named = ", ".join(f"{name} {train:,} + {held_out:,}" for train, held_out, name in worst[:NAMED])
        return (
            f"{len(languages):,} of {len(self.text):,} languages and {len(pairs):,} of {len(self.pairs):,} pairs have "
            f"fewer than {FEW_SENTENCES} sentences to train on, or none held out; fewest (train + held out): {named}"
        )

    def _cut(self) -> str:
        if not self.cut:
            return ""
        worst = sorted(((amount.cut, tag) for tag, amount in self.text.items() if amount.cut), reverse=True)
        named = ", ".join(f"{tag} {share:.2%}" for share, tag in worst[:NAMED])
        return (
            f"{self.cut:.2%} of the sentences have more than {self.max_tokens} tokens and lose their ends "
            f"(most: {named}): raise --model.max-tokens to read them whole"
        )


def _is_little(amount: Amount) -> bool:
    return amount.train < FEW_SENTENCES or not amount.held_out


def text_summary(ids: EncodedCorpus, parts: Split, max_tokens: int) -> TextSummary:
    """The summary of a text and its split."""
    tags = ids.languages
    cut = (ids.cut / np.maximum(np.diff(ids.index.bounds), 1)).tolist()
    return TextSummary(
        text={
            tags[language]: LanguageAmount(**amount, cut=cut[language])
            for language, amount in zip(
                parts.singles.languages.tolist(), _amounts(parts.singles), strict=True
            )
        },
        pairs=[
            PairAmount(**amount, source=tags[source], target=tags[target])
            for (source, target), amount in zip(
                parts.pairs.languages.tolist(), _amounts(parts.pairs), strict=True
            )
        ],
        cut=float(ids.cut.sum() / len(ids)),
        max_tokens=max_tokens,
        merged=ids.index.num_merged,
        digest=parts.digest,
    )


def _amounts(streams: Streams) -> list[dict[str, int]]:
    columns = zip(streams.sizes.tolist(), streams.held_out.tolist(), strict=True)
    return [{"train": train, "held_out": held_out} for train, held_out in columns]


def read_summary(run: Run) -> TextSummary | None:
    """The summary stored in a run; None where the run has not come so far or an older version wrote it.

    Raises:
        InputError: the file is damaged.
    """
    document = run.document(DOCUMENT)
    try:
        return None if document is None else TextSummary.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{DOCUMENT}.json of run {run.name} is damaged: delete it") from error


def check_held_out(run: Run, parts: Split) -> None:
    """Raises InputError where a resumed run has held out other meanings than this version would hold out."""
    summary, sentences = read_summary(run), run.held_out()
    if summary is None and not len(sentences):
        return
    digest = summary.digest if summary else digest_of(np.unique(sentences["meaning"]))
    if digest != parts.digest:
        raise InputError(
            f"run {run.name} has held out other sentences than this version would, which would be trained on now: "
            f"resume it with the lab that began it ({run.info.written_by}), or start a new run"
        )


def check_enough(corpus: Corpus) -> None:
    """Raises InputError where a corpus has too few meanings to hold some out; reads only `corpus.json`."""
    meanings = corpus.info.meanings
    if meanings // FIFTH < FEWEST:
        raise InputError(
            f"too few meanings: {meanings // FIFTH} held out, {FEWEST} needed to measure on, because {meanings} "
            "give up a fifth at most: add text"
        )
