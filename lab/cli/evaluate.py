"""`lab evaluate RUN...`: sentence retrieval of runs, or of other people's checkpoints."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import tyro

from core.errors import unknown
from core.progress import Progress
from lab import store
from lab.cli import alignment, baselines, classification, geometry, roles
from lab.cli import parse as parse_words
from lab.cli.console import bars, out, table

if TYPE_CHECKING:
    from lab.evaluate.run import RetrievalProtocol

EXTREMES: Final = 5
"""Number of worst directions, and of best directions, that are printed."""
TOO_SMALL_SHOWN: Final = 10


@dataclass(frozen=True)
class Command:
    """Measures retrieval over directed pairs of languages, with pool, chance level and 95 % interval.

    A query is right when its nearest neighbour by cosine (top-1) translates the query, or any sentence of the same
    text. A query searches the pool: all measured sentences of the other language, with or without a translation. Equal
    texts count once, and where m of k equally near sentences are right the query scores m / k. Chance is the score of
    guessing. Intervals are Clopper and Pearson's over meanings, which hold at 0 and 1. The output has the mean, the
    worst and the best directions, the means of each language, and wrong matches, the surest first. Any encoder
    in safetensors, of transformers or sentence-transformers, is measured like a run, on the text that --corpus names.
    With --task classification, the transfer of a classifier instead: lab evaluate --task classification --help.
    With --task baselines, retrieval without a network; with --task roles, who did what to whom; with --task
    alignment, which words the encoder's states link.
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs, folders of checkpoints, or hub names such as FacebookAI/xlm-roberta-base."""
    corpus: Path | None = None
    """Another corpus to measure on; default: the meanings held out from the run's own."""
    preset: Literal["tatoeba"] | None = None
    """tatoeba: hidden state 7, mean over all tokens, all meanings, each pair of languages with its own sides (--pool
    shared), as published for InfoXLM base."""
    layer: int | None = None
    """Hidden state that is read, 0 = embeddings; default: the run's (its contrast layer), the checkpoint's own if it
    is a sentence encoder, else two thirds up."""
    pooling: Literal["mean", "first", "last", "own"] | None = None
    """Pooling of the tokens; own: by the modules of a sentence encoder (Pooling of any mode, Dense, ...). Default: the
    run's (mean), or the checkpoint's own."""
    prompt: str | None = None
    """Text before every sentence, such as "query: "; default: the default prompt of the checkpoint, if any."""
    meanings: int | None = None
    """Meanings of each language, at most, drawn at random and compared with their translations; default: 10,000, or
    the preset's."""
    pool: Literal["all", "shared"] | int | None = None
    """The searched sentences. all (default): every sentence of the language. shared: sentences with a translation in
    the query's language. A number: so many in every direction, drawn at random round the translations, so that all
    directions have the same chance level; directions with fewer sentences are listed, not averaged."""
    min_pool: int | None = None
    """Directions with fewer queries or candidates are listed, not averaged; default: 5."""
    directions: int | None = None
    """Directions that are measured, at most; drawn at random where there are more; default: 2,000."""
    beside: tuple[Literal["csls", "margin"], ...] = ()
    """Other measures of nearness beside cosine, which correct for hubs (sentences that are near to everything): csls
    (Conneau et al. 2018), margin (the ratio of Artetxe and Schwenk 2019, as in LASER's xsim)."""
    neighbours: int | None = None
    """Nearest neighbours of a sentence that --beside corrects for; default: 4, as in xsim (MUSE: 10)."""
    all: bool = False
    """Print every direction and language, not the extremes alone. (--json always holds all.)"""

    def __call__(self) -> dict[str, Any]:
        documents = []
        for name in self.runs:
            with bars(f"{name}: ") as report:
                documents.append(self._evaluated(name, report))
        return documents[0] if len(documents) == 1 else {"runs": documents}

    def _evaluated(self, name: str, report: Progress) -> dict[str, Any]:
        from lab.evaluate.encoded import names_run, text_for
        from lab.evaluate.run import evaluate_checkpoint, evaluate_run

        protocol = self._protocol()
        if names_run(name):
            return evaluate_run(store.open_run(name), self.corpus, protocol, report)
        return evaluate_checkpoint(name, text_for(name, self.corpus), protocol, report)

    def _protocol(self) -> "RetrievalProtocol":
        """The preset, or the default protocol, with the given options."""
        from lab.evaluate.run import PRESETS, RetrievalProtocol

        protocol = PRESETS[self.preset] if self.preset else RetrievalProtocol()
        index, size = (None, self.pool) if isinstance(self.pool, int) else (self.pool, None)
        pools = {"index": index, "size": size, "smallest": self.min_pool, "directions": self.directions}
        read = {
            "layer": self.layer,
            "pooling": self.pooling,
            "prompt": self.prompt,
            "meanings": self.meanings,
            "beside": self.beside,
            "neighbours": self.neighbours,
        }
        return replace(protocol, pools=replace(protocol.pools, **_given(pools)), **_given(read))

    def show(self, document: dict[str, Any]) -> None:
        for each in document.get("runs", [document]):
            _show(each, self.all)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def _show(document: dict[str, Any], every: bool) -> None:
    if document.get("trained_on"):
        out.print(
            f"note: run {document['run']} was trained on this corpus, so all but its held-out sentences are no test: "
            "leave --corpus out, or name other text"
        )
    if document["mean_accuracy"] is None:
        out.print(f"run {document['run']}: {document['unmeasured']}")
    else:
        out.print(_mean_in_words(document))
    for measure, mean in document["beside"].items():
        low, high = mean["interval"]
        out.print(
            f"beside it by {measure}: mean accuracy {mean['mean_accuracy']:.3f} [{low:.3f}, {high:.3f}]"
        )
    if document.get("reading"):
        out.print(f"note: this is {document['reading']}")
    if document.get("prompts") or document["prompt"]:
        out.print(document.get("prompts") or f"every sentence was read after {document['prompt']!r}")
    for mean in document["means"]:
        out.print(
            f"queries in {mean['query']}, index in {mean['index']}: {_share(mean, 'accuracy')} over {mean['pairs']} "
            f"pairs; guessing {mean['chance']:.2g}"
        )
    _show_directions(document["retrieval"], every)
    _show_languages(document["languages"], every)
    _show_too_small(document)
    _show_wrong(document)


def _mean_in_words(document: dict[str, Any]) -> str:
    low, high = document["interval"]
    measured, enough = document["directions"], document["large_enough"]
    drawn = "" if measured == enough else f" drawn from {enough:,}"
    return (
        f"run {document['run']}: mean accuracy {document['mean_accuracy']:.3f} [{low:.3f}, {high:.3f}] over "
        f"{measured:,} directed pairs{drawn}, layer {document['layer']}, {document['pooling']} pooling, "
        f"{document['measure']}; guessing {document['chance']:.2g}, pools of {_pools(document['pools'])}"
    )


def _show_directions(rows: Sequence[Mapping[str, Any]], every: bool) -> None:
    """Prints all directions, or the extremes of many."""
    if not rows:
        return
    title = "query→index, top-1 accuracy"
    main = rows[0]["measure"]
    of_pair = {(row["source"], row["target"], row["measure"]): row["accuracy"] for row in rows}
    others = [measure for measure in dict.fromkeys(row["measure"] for row in rows) if measure != main]
    rows = shown = [row for row in rows if row["measure"] == main]
    if not every and len(rows) > 2 * EXTREMES:
        ordered = sorted(rows, key=lambda row: (row["accuracy"], row["source"], row["target"]))
        shown = [*ordered[:EXTREMES], *ordered[-EXTREMES:]]
        title += f": the {EXTREMES} worst and the {EXTREMES} best of {len(rows):,} (--all shows every one)"
    cells = [
        (f"{row['source']}→{row['target']}", f"{row['accuracy']:.3f}", f"{row['low']:.3f} – {row['high']:.3f}",
         *(f"{of_pair[row['source'], row['target'], measure]:.3f}" for measure in others),
         f"{row['chance']:.2g}", f"{row['pool']:,}", f"{row['n']:,}")
        for row in shown
    ]  # fmt: skip
    table(title, ("pair", "accuracy", "95 % interval", *others, "chance", "pool", "queries"), cells)


def _show_languages(languages: Sequence[Mapping[str, Any]], every: bool) -> None:
    """Prints the means of each language as query language and as searched language, the lowest first."""
    if len(languages) < 3:
        return
    for role, words in (("asking", "from"), ("searched", "to")):
        means = [(each["language"], each[role]) for each in languages if each[role]]
        means.sort(key=lambda pair: (pair[1]["value"], pair[0]))
        title = f"mean over the directions {words} each language"
        if not every and len(means) > 4 * EXTREMES:
            title += f": the lowest and the highest of {len(means):,} languages (--all shows every one)"
            means = [*means[: 2 * EXTREMES], *means[-2 * EXTREMES :]]
        rows = [
            (
                tag,
                _share(mean, "value"),
                f"{mean['chance']:.2g}",
                _pools(mean["pools"]),
                f"{mean['directions']:,}",
            )
            for tag, mean in means
        ]
        table(title, ("language", "mean [95 %]", "chance", "pool", "pairs"), rows)


def _show_too_small(document: dict[str, Any]) -> None:
    """Prints the directions that are not averaged, and the number of pairs without a common meaning."""
    rows = document["too_small"]
    if rows:
        reasons = Counter(row["reason"] for row in rows).most_common(TOO_SMALL_SHOWN)
        listed = [(reason, f"{count:,}", _examples(rows, reason)) for reason, count in reasons]
        table(f"too small to be averaged: {len(rows):,} directed pairs", ("has", "pairs", "such as"), listed)
    if document["untranslated"]:
        out.print(f"{document['untranslated']:,} directed pairs share no meaning: nothing to retrieve there")


def _examples(rows: Sequence[Mapping[str, Any]], reason: str, most: int = 4) -> str:
    pairs = [f"{row['source']}→{row['target']}" for row in rows if row["reason"] == reason]
    return " ".join(pairs[:most]) + (" …" if len(pairs) > most else "")


def _show_wrong(document: dict[str, Any]) -> None:
    rows = [
        (
            f"{row['source']}→{row['target']}",
            row["query"],
            row["found"],
            row["expected"],
            f"{row['margin']:.3f}",
        )
        for row in document["errors"]
    ]
    if rows:
        title = f"wrong matches, surest first ({len(rows)} of {document['wrong']:,})"
        table(title, ("pair", "query", "found", "expected", "margin"), rows)


def _share(mean: Mapping[str, Any], key: str) -> str:
    return f"{mean[key]:.3f} [{mean['low']:.3f}, {mean['high']:.3f}]"


def _pools(pools: Sequence[int]) -> str:
    """The smallest and the largest number of candidates.

    >>> _pools((500, 500)), _pools((12, 1_000))
    ('500', '12 – 1,000')
    """
    return " – ".join(f"{size:,}" for size in sorted(set(pools)))


def parse(
    words: list[str],
) -> (
    Command
    | alignment.Command
    | classification.Command
    | baselines.Command
    | geometry.Command
    | roles.Command
):
    """Parses the arguments of retrieval, or of the task that --task names."""
    tasks = {
        "retrieval": Command,
        "classification": classification.Command,
        "baselines": baselines.Command,
        "roles": roles.Command,
        "alignment": alignment.Command,
        "geometry": geometry.Command,
    }
    task, rest = "retrieval", list(words)
    if "--task" in rest:
        at = rest.index("--task")
        task, rest = next(iter(rest[at + 1 :]), ""), rest[:at] + rest[at + 2 :]
    if task not in tasks:
        raise unknown("a --task", task, tasks)
    return parse_words(tasks[task], "lab evaluate", rest)
