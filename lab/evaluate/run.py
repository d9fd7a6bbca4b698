"""Retrieval of a run, or of any encoder of sentences as if it were one."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from core.progress import Progress, no_progress
from lab.evaluate.encoded import EncodedSentences, SentenceProtocol, encode_checkpoint, encode_run
from lab.evaluate.means import LanguageMeans, language_means, mean_accuracy, pivot
from lab.evaluate.nearness import COSINE, NEIGHBOURS, Measure, Nearness
from lab.evaluate.pools import DEFAULT_POOLS, PoolRule
from lab.evaluate.retrieval import RetrievalDirection, Survey, sides_of, survey, wrong_matches
from lab.evaluate.scores import scores
from lab.store import Run

SHOWN_ERRORS: Final = 10


@dataclass(frozen=True)
class RetrievalProtocol(SentenceProtocol):
    """Settings of a retrieval.

    Attributes:
        pools: what is searched, and which directions are averaged.
        beside: further measures of nearness, whose accuracies stand beside those of cosine.
        neighbours: of each vector, in the neighbourhoods that those measures correct for.

    Raises:
        InputError: no meanings, or no neighbours.
    """

    pools: PoolRule = DEFAULT_POOLS
    beside: tuple[Measure, ...] = ()
    neighbours: int = NEIGHBOURS

    def __post_init__(self) -> None:
        super().__post_init__()
        Nearness(neighbours=self.neighbours)


PRESETS: Final = {
    "tatoeba": RetrievalProtocol(layer=7, pooling="mean", meanings=None, pools=PoolRule(index="shared")),
}
"""Protocols of published figures; 'tatoeba' is the one that yields those of InfoXLM base (Chi et al. 2021)."""


def evaluate_run(
    run: Run,
    corpus_folder: Path | None = None,
    protocol: RetrievalProtocol = RetrievalProtocol(),
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Top-1 retrieval of the directed pairs of languages; on the run's own held-out text it is kept in the run.

    Where no direction can be measured `mean_accuracy` is None and `unmeasured` says why and what to do. `trained_on`
    says whether the corpus has the content that the run was trained on.

    Raises:
        InputError: the run has no checkpoint yet, or the layer does not exist.
    """
    encoded = encode_run(run, corpus_folder, protocol, progress)
    document, directions = _measured(encoded, protocol, progress)
    if corpus_folder is None:
        run.write_scores("retrieval", scores(directions, encoded.layer))
        run.write_errors(wrong_matches(directions))
    return {"run": run.name, "trained_on": encoded.trained_on, **document}


def evaluate_checkpoint(
    start: str,
    corpus_folder: Path,
    protocol: RetrievalProtocol = RetrievalProtocol(),
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Top-1 retrieval of a checkpoint, a folder or a hub name; the document's `run` is its name.

    Raises:
        InputError: it cannot be opened, or the layer does not exist.
    """
    encoded = encode_checkpoint(start, corpus_folder, protocol, progress)
    document, _ = _measured(encoded, protocol, progress)
    return {"run": start, **document, "prompts": encoded.prompts, "reading": encoded.reading}


def _measured(
    encoded: EncodedSentences, protocol: RetrievalProtocol, progress: Progress
) -> tuple[dict[str, Any], list[RetrievalDirection]]:
    sides = sides_of(encoded.sentences, encoded.vectors)
    result = survey(sides, protocol.pools, progress)
    read = {"layer": encoded.layer, "pooling": encoded.pooling, "prompt": encoded.prompt}
    document = {**read, **_document(result, protocol.pools, encoded.layer)}
    for measure in dict.fromkeys(protocol.beside):
        corrected = survey(sides, protocol.pools, progress, Nearness(measure, protocol.neighbours))
        _put_beside(document, measure, corrected.directions)
    return document, result.directions


def _put_beside(document: dict[str, Any], measure: str, directions: list[RetrievalDirection]) -> None:
    """Adds the accuracies by another measure of nearness: the mean, and a row of each direction."""
    mean = mean_accuracy(directions)
    if mean is None:
        return
    document["beside"][measure] = {"mean_accuracy": mean.value, "interval": [mean.low, mean.high]}
    document["retrieval"] += [_row(each, document["layer"]) for each in directions]


def _document(result: Survey, rule: PoolRule, layer: int) -> dict[str, Any]:
    mean = mean_accuracy(result.directions)
    return {
        "mean_accuracy": mean.value if mean else None,
        "interval": [mean.low, mean.high] if mean else None,
        "chance": mean.chance if mean else None,
        "pools": list(mean.pools) if mean else None,
        "measure": COSINE.measure,
        "index": rule.index,
        "beside": {},
        "unmeasured": None if mean else _why_nothing(result, rule),
        "directions": len(result.directions),
        "large_enough": result.large_enough,
        "too_small": [asdict(each) for each in result.too_small],
        "untranslated": result.untranslated,
        "wrong": sum(each.wrong_matches.count for each in result.directions),
        "errors": wrong_matches(result.directions, SHOWN_ERRORS).to_dict("records"),
        "means": _means(result.directions),
        "languages": [_language(each) for each in language_means(result.directions)],
        "retrieval": [_row(each, layer) for each in result.directions],
    }


def _why_nothing(result: Survey, rule: PoolRule) -> str:
    """The reason why no direction was measured, and what to do."""
    if not result.too_small:
        return "no two languages share a meaning, so nothing can be retrieved: add translations"
    largest = max(result.too_small, key=lambda each: (each.queries, each.candidates))
    return (
        f"all {len(result.too_small):,} directions are too small; the largest, {largest.source} to {largest.target}, "
        f"has {largest.reason}: hold out more meanings (--text.held-out), measure on more text (--corpus), or lower "
        f"{'--pool' if rule.size else '--min-pool'}"
    )


def _row(each: RetrievalDirection, layer: int) -> dict[str, Any]:
    low, high = each.interval()
    return {
        "source": each.source,
        "target": each.target,
        "query": each.source,
        "index": each.target,
        "accuracy": each.accuracy,
        "low": low,
        "high": high,
        "n": len(each.correct),
        "pool": each.pool,
        "chance": each.chance,
        "measure": each.measure,
        "layer": layer,
    }


def _language(means: LanguageMeans) -> dict[str, Any]:
    """A language with its mean as the language of the queries and as the one that is searched."""
    return {
        "language": means.language,
        "asking": asdict(means.asking) if means.asking else None,
        "searched": asdict(means.searched) if means.searched else None,
    }


def _means(directions: list[RetrievalDirection]) -> list[dict[str, Any]]:
    """Both means by direction, where one language is in all pairs: published tables give these two."""
    middle = pivot(directions)
    if middle is None:
        return []
    rows = []
    for query, index in ((middle, "others"), ("others", middle)):
        part = [each for each in directions if middle == (each.source if query == middle else each.target)]
        mean = mean_accuracy(part)
        if mean is not None:
            rows.append(
                {"query": query, "index": index, "accuracy": mean.value, "low": mean.low, "high": mean.high,
                 "chance": mean.chance, "pools": list(mean.pools), "pairs": mean.directions}
            )  # fmt: skip
    return rows
