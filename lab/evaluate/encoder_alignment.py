"""Word alignment by the states of an encoder: links between similar tokens, at every layer, against known links.

Both sentences are read alone. Tokens are compared by the cosine of their states, and links of tokens become links of
words (Jalili Sabet et al. 2020, SimAlign).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch.nn.functional import normalize

from core.model.encoder import hidden_states, pack
from core.model.infoxlm import InfoXLM
from core.progress import Progress, no_progress
from core.text.alignment.links import Links
from core.text.alignment.similarity import EXTRACTIONS, word_links
from core.text.batches import unmasked
from core.text.tokenizer import Tokenizer
from lab.evaluate.alignment import AlignmentError, error_of_counts, link_counts
from lab.evaluate.gold_text import GoldText, Spelled, gold_of_run
from lab.evaluate.trained import trained_model
from lab.evaluate.vectors import model_device
from lab.store import Run

BATCH: Final = 64
"""Sentence pairs that are read at once."""
SENTENCES: Final = 200
PAIRS: Final = 20

Reading = tuple[int, str]
"""A layer and a way to extract links."""
Counts = Float[np.ndarray, "sentences 4"]
"""`link_counts` of sentence pairs."""


def evaluate_alignment(
    run: Run,
    gold: Path | None = None,
    sentences: int = SENTENCES,
    pairs: int = PAIRS,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Alignment error rate of every layer of a run, over all pairs of languages and for each.

    It is written into the scores of the run.

    Args:
        run: with a checkpoint.
        gold: table of gold links, or folder of such tables; default: the exact links of the run's world, on sentences
            that the run holds out.
        sentences: of each pair of languages of a world, at most.
        pairs: of languages of a world, at most.
        progress: reports sentence pairs read.

    Raises:
        InputError: no checkpoint, text that no world wrote without a table, or a damaged table.
    """
    texts = gold_of_run(run, gold, sentences, pairs)
    trained = trained_model(run)
    counts = encoder_counts(trained.model.to(model_device()), trained.tokenizer, texts, progress)
    layers = [
        {"layer": layer, "method": method, **_numbers(over_units(texts, each))}
        for (layer, method), each in counts.items()
    ]
    chance = over_units(texts, [random_counts(text) for text in texts])
    diagonal = over_units(texts, [diagonal_counts(text) for text in texts])
    document = {
        "run": run.name,
        "task": "alignment",
        "step": trained.step,
        "gold": str(gold) if gold else "the exact links of the world",
        "pairs": len(texts),
        "chance": chance.rate,
        "diagonal": diagonal.rate,
        "layers": layers,
        "rows": [
            row for at, text in enumerate(texts) for row in _rows(text, {key: each[at] for key, each in counts.items()})
        ],
    }  # fmt: skip
    run.write_document("alignment", document)
    run.write_scores("alignment", _scores(document))
    return document


def encoder_counts(
    model: InfoXLM, tokenizer: Tokenizer, texts: Sequence[GoldText], progress: Progress = no_progress
) -> dict[Reading, list[Counts]]:
    """Links of an encoder, counted against known ones: for each layer and way to extract, a table for each text."""
    readings = [
        (layer, method)
        for layer in range(model.encoder.config.num_hidden_layers + 1)
        for method in EXTRACTIONS
    ]
    counts: dict[Reading, list[Counts]] = {reading: [] for reading in readings}
    done, total = 0, sum(len(text.pairs) for text in texts)
    for text in texts:
        links: dict[Reading, list[Links]] = {reading: [] for reading in readings}
        for begin in range(0, len(text.pairs), BATCH):
            part = slice(begin, begin + BATCH)
            for reading, link in encoder_links(model, tokenizer, text.source[part], text.target[part]):
                links[reading].append(link)
            done += len(text.pairs[part])
            progress("aligning", done, total)
        for reading in readings:
            counts[reading].append(link_counts(links[reading], text.pairs))
    return counts


@torch.no_grad()
def encoder_links(
    model: InfoXLM, tokenizer: Tokenizer, source: Sequence[Spelled], target: Sequence[Spelled]
) -> Iterator[tuple[Reading, Links]]:
    """Yields links of words for each layer, sentence pair and way to extract; tokens of no word are left out."""
    sentences, longest = [*source, *target], model.settings.model.max_tokens
    texts = [sentence.text for sentence in sentences]
    spans = tokenizer.spans(texts)
    rows = tokenizer.encode(texts, longest)
    words = [
        [words_of(span, sentence.spans) for span in of_text[: len(row) - 1]]
        for sentence, of_text, row in zip(sentences, spans, rows, strict=True)
    ]
    tokens = [[at for at, places in enumerate(each) if places] for each in words]
    begins = np.cumsum([0, *map(len, rows)])
    training = model.training
    model.eval()
    batch = unmasked(rows, longest).to(next(model.parameters()).device)
    packing = pack(batch.lengths, batch.ids.device)
    for layer, state in enumerate(hidden_states(model.encoder, batch, packing)):
        unit = normalize(state.float(), dim=-1).cpu().numpy()
        vectors = [
            unit[begin + np.array(at, dtype=np.int64)] for begin, at in zip(begins, tokens, strict=False)
        ]
        linked = [[places for places in each if places] for each in words]
        for at in range(len(source)):
            similarity = (1 + vectors[at] @ vectors[at + len(source)].T) / 2
            for method, extract in EXTRACTIONS.items():
                links = extract(similarity)
                yield (layer, method), word_links(links, linked[at], linked[at + len(source)])
    model.train(training)


def words_of(span: tuple[int, int], words: Sequence[tuple[int, int]]) -> list[int]:
    """The words that share a character with a token, given the characters of both."""
    return [at for at, (begin, end) in enumerate(words) if max(begin, span[0]) < min(end, span[1])]


def random_counts(text: GoldText) -> Counts:
    """Expected `link_counts` of as many links as the shorter sentence has words, drawn one to one at random."""
    rows = []
    for pair in text.pairs:
        cells = len(pair.source) * len(pair.target)
        links = min(len(pair.source), len(pair.target))
        share = links / cells if cells else 0.0
        rows.append((share * len(pair.sure), share * len(pair.sure | pair.possible), links, len(pair.sure)))
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def diagonal_counts(text: GoldText) -> Counts:
    """`link_counts` of links along the diagonal: each word of the shorter sentence with the word at its height."""
    links = [_diagonal(len(pair.source), len(pair.target)) for pair in text.pairs]
    return link_counts(links, text.pairs)


def _diagonal(source: int, target: int) -> Links:
    if source > target:
        return frozenset((i, j) for j, i in _diagonal(target, source))
    return frozenset((i, (2 * i + 1) * target // (2 * source)) for i in range(source))


def over_units(texts: Sequence[GoldText], counts: Sequence[Counts]) -> AlignmentError:
    """The error rate over several pairs of languages; all sentences of one meaning are one unit of the interval."""
    table = pd.DataFrame(np.concatenate(counts)).groupby(np.concatenate([text.units for text in texts])).sum()
    return error_of_counts(table.to_numpy())


def _rows(text: GoldText, counts: dict[Reading, Counts]) -> Iterator[dict[str, Any]]:
    source, target = text.languages
    chance, diagonal = (error_of_counts(each(text)).rate for each in (random_counts, diagonal_counts))
    for (layer, method), table in counts.items():
        numbers = _numbers(error_of_counts(table))
        yield {"source": source, "target": target, "layer": layer, "method": method, **numbers,
               "chance": chance, "diagonal": diagonal}  # fmt: skip


def _numbers(error: AlignmentError) -> dict[str, Any]:
    return {
        "aer": error.rate,
        "low": error.low,
        "high": error.high,
        "precision": error.precision,
        "recall": error.recall,
        "n": error.n,
    }


def _scores(document: dict[str, Any]) -> pd.DataFrame:
    """Tidy rows of the score table: the error rate of each layer over all pairs of languages, and of each pair."""
    overall = [
        {"source": "", "target": "", "chance": document["chance"], **row} for row in document["layers"]
    ]
    table = pd.DataFrame([*overall, *document["rows"]]).rename(columns={"aer": "value"})
    return table.assign(task="alignment", metric="aer " + table["method"], unit="share")
