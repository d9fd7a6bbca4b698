"""What a model says of whole sentences, and of each language, in units for studies that compare tokenizers.

Nats per token do not compare across tokenizers: whoever cuts finer has more and easier tokens. Nats per sentence do,
and where languages tell the same meanings, so do languages. The nats of all tokens of a sentence, each told from the
others as far as 15 % of them are hidden, are those of its hidden tokens divided by their share. They are no code
length: beside a hidden token the other pieces of its word are mostly shown, which favours a tokenizer that cuts finer.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd

from core.objectives.mmlm import MMLM
from core.objectives.tlm import TLM
from lab.evaluate.effort import StudyProtocol
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.ledger.masked import cross_entropies, cross_entropies_apart
from lab.evaluate.ledger.masked_text import Example
from lab.evaluate.means import by_meaning
from lab.evaluate.retrieval import RetrievalDirection
from lab.evaluate.units import units
from lab.figures.metrics import BY_LANGUAGE
from lab.world.truth import RATE, mask

ROUNDS: Final = round(1 / RATE)
"""Times that a sentence is read until each of its tokens has been hidden once."""
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Units, totals and weights."""


def compares_tokenizers(loaded: LoadedRun) -> bool:
    """Whether a run's tokenizer is a unigram model; runs with another one are not compared by tokenizer."""
    return loaded.run.info.settings.tokenizer.trained_as == "unigram"


def vocabulary_units(loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
    """Nats per sentence of MMLM and TLM by meaning, and of MMLM by language, of a run that compares tokenizers."""
    settings = loaded.run.info.settings
    if not compares_tokenizers(loaded) or not loaded.pairs:
        return
    examples = _pairs(loaded, protocol.sentences, settings.seed)
    for task, read in ((MMLM, cross_entropies_apart), (TLM, cross_entropies)):
        if task.section not in settings.tasks:
            continue
        sums, _ = read(loaded, examples, task.key)
        meanings, at = np.unique([example.meaning for example in examples], return_inverse=True)
        sentences = np.bincount(at, [len(example.whole) for example in examples])
        yield units(f"{task.key}_meaning", meanings, np.bincount(at, sums / RATE), sentences)
    if MMLM.section in settings.tasks:
        yield from language_units(MMLM.key, _nats_by_language(loaded, settings.seed))


def retrieval_by_language(directions: Iterable[RetrievalDirection]) -> Iterable[pd.DataFrame]:
    """Units of retrieval of each language: its mean over the directions in which it asks or is searched."""
    of_tag: dict[str, list[RetrievalDirection]] = {}
    for each in directions:
        for tag in (each.source, each.target):
            of_tag.setdefault(tag, []).append(each)
    shares = {tag: by_meaning(each) for tag, each in sorted(of_tag.items())}
    columns = {tag: (share.meanings, share.totals, share.weights) for tag, share in shares.items()}
    chances = {tag: float(np.mean([each.chance for each in of_tag[tag]])) for tag in columns}
    return language_units("retrieval", columns, chances)


def language_units(
    metric: str, of_language: Mapping[str, Columns], chances: Mapping[str, float] | None = None
) -> Iterable[pd.DataFrame]:
    """Units of a metric by language, and those of its worst language and of its spread.

    Args:
        metric: key of `BY_LANGUAGE`.
        of_language: by tag.
        chances: what guessing reaches, by tag.
    """
    chances = chances or {}
    for tag, columns in of_language.items():
        yield units(f"{BY_LANGUAGE[metric].key}{tag}", *columns, chance=chances.get(tag, np.nan))
        for kind in ("worst", "spread"):
            yield units(f"{metric}_{kind}", *columns).assign(part=tag)


def _nats_by_language(loaded: LoadedRun, seed: int) -> dict[str, Columns]:
    """Nats of the held-out sentences of each language by meaning, over the meanings that all languages tell.

    Nothing where no meaning has a sentence in every language. Each token of a sentence is hidden once, among a
    seventh of them, so that which tokens were drawn adds no noise.
    """
    held_out, rng = loaded.run.held_out(), np.random.default_rng([seed, 2])
    languages = held_out["language"].nunique()
    number = held_out.groupby("meaning")["language"].transform("nunique")
    common = held_out[number == languages].sort_values(["language", "meaning"])
    encode, longest = loaded.tokenizer.encode, loaded.model.settings.model.max_tokens
    columns = dict[str, Columns]()
    for tag, rows in common.groupby("language"):
        whole = encode(rows["text"].tolist(), longest)
        examples = [
            Example(int(meaning), (str(tag),), [ids], [shown])
            for meaning, ids in zip(rows["meaning"], whole, strict=True)
            for shown in _each_token_once(ids, loaded.tokenizer.mask_id, rng)
        ]
        sums, _ = cross_entropies(loaded, examples, MMLM.key)
        meanings, at = np.unique([example.meaning for example in examples], return_inverse=True)
        columns[str(tag)] = meanings, np.bincount(at, sums), np.ones(len(meanings))
    return columns


def _each_token_once(ids: np.ndarray, mask_id: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A sentence with some of its tokens hidden, as often as it takes to hide each of them once."""
    places = 1 + rng.permutation(len(ids) - 2)
    for begin in range(min(ROUNDS, len(places))):
        shown = ids.copy()
        shown[places[begin::ROUNDS]] = mask_id
        yield shown


def _pairs(loaded: LoadedRun, count: int, seed: int) -> list[Example]:
    """Held-out pairs with hidden tokens; all tokenizers read the same pairs, since those are drawn before the masks."""
    rng, masks = (np.random.default_rng([seed, stream]) for stream in (0, 1))
    texts = {
        str(tag): dict(zip(part["meaning"], part["text"], strict=True))
        for tag, part in loaded.run.held_out().groupby("language")
    }
    common = {
        tags: sorted(set.intersection(*(set(texts.get(tag, {})) for tag in tags))) for tags in loaded.pairs
    }
    usable = [tags for tags in loaded.pairs if common[tags]]
    shares = np.array([loaded.pairs[tags] for tags in usable])
    drawn = [usable[choice] for choice in rng.choice(len(usable), count, p=shares / shares.sum())]
    meanings = [common[tags][int(rng.integers(len(common[tags])))] for tags in drawn]
    encode, mask_id = loaded.tokenizer.encode, loaded.tokenizer.mask_id
    examples = list[Example]()
    for tags, meaning in zip(drawn, meanings, strict=True):
        whole = encode([texts[tag][meaning] for tag in tags], loaded.model.settings.model.max_tokens // 2)
        examples.append(Example(int(meaning), tags, whole, mask(whole, mask_id, RATE, masks)))
    return examples
